"""What a test does with the player's page, in a person's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.videos import READ_NUMBER

if TYPE_CHECKING:
    from playwright.sync_api import Page

LIMIT_MS = 180_000

# Notes each picture as it is painted: the frame that the page claims, the number that the
# picture shows, and when.
_WITNESS = f"""
window.painted = [];
const readNumber = {READ_NUMBER};
const look = () => {{
  const canvas = document.querySelector("#screen");
  const frame = canvas?.dataset.frame;
  if (frame !== undefined && Number(frame) !== window.painted.at(-1)?.frame) {{
    const number = readNumber(canvas);
    window.painted.push({{ frame: Number(frame), number, at_ms: performance.now() }});
  }}
  requestAnimationFrame(look);
}};
look();
"""
# What a wait looks at: the witness's last note, as the canvas may be a picture ahead of it and
# a test that has waited for a picture reads the notes next.
_NOTED = "window.painted.at(-1)?.frame"


class Deck:
    """The player's page, opened at an address."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.set_default_timeout(LIMIT_MS)
        page.add_init_script(_WITNESS)
        page.goto(url)

    def wait_for_picture(self, number: int) -> None:
        """Wait until the canvas shows the picture with this number, and says so."""
        self.page.wait_for_function(
            f"""(number) => {{
              const canvas = document.querySelector("#screen");
              return {_NOTED} === number && ({READ_NUMBER})(canvas) === number;
            }}""",
            arg=number,
            timeout=LIMIT_MS,
        )

    def wait_until(self, condition: str, argument: Any = None) -> None:
        """Wait for a JavaScript condition."""
        self.page.wait_for_function(condition, arg=argument, timeout=LIMIT_MS)

    def wait_past(self, frame: int) -> None:
        """Wait until a frame after this one is shown."""
        self.wait_until(f"(frame) => {_NOTED} > frame", frame)

    def wait_before(self, frame: int) -> None:
        """Wait until a frame before this one is shown."""
        self.wait_until(f"(frame) => {_NOTED} < frame", frame)

    def number(self) -> int:
        """Read the number that is on the canvas."""
        return int(self.page.locator("#screen").evaluate(READ_NUMBER))

    def painted(self) -> list[dict[str, float]]:
        """Return every picture since the page opened: frame, number, at_ms."""
        return list(self.page.evaluate("window.painted"))

    def forget(self) -> None:
        """Forget the pictures painted so far."""
        self.page.evaluate("window.painted = []")

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def notice(self) -> str:
        """Return the words over the picture."""
        return self.page.locator("#notice").inner_text()

    def click(self, name: str) -> None:
        """Press the button with this name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def type_into(self, label: str, text: str) -> None:
        """Type a place to go to."""
        field = self.page.get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")
