"""Which of the log's schemas the registry has lost."""

from framelog_service.schema_backup import LogSchema, lost_schemas, sentence_on_lost

KEPT = {
    7: LogSchema("video.frames-value", '{"type": "record", "name": "Frame"}'),
    8: LogSchema("video.frames-index-value", '{"type": "record", "name": "Segment"}'),
    9: LogSchema("video.streams-value", '{"type": "record", "name": "Stream"}'),
}


def test_a_schema_is_lost_if_its_id_is_unknown_or_given_to_another() -> None:
    registry = {7: '{"name":"Frame","type":"record"}', 9: '"string"'}
    lost = lost_schemas(KEPT, registry.get)
    assert lost == {
        8: "id 8 (video.frames-index-value) is unknown",
        9: "id 9 (video.streams-value) is now another schema",
    }
    assert sentence_on_lost(lost) == (
        "The schema registry has lost schemas by which the log was written: "
        "id 8 (video.frames-index-value) is unknown, "
        "id 9 (video.streams-value) is now another schema; "
        "'make restore-schemas' puts them back (docs/operations.md#the-registry-lost-its-ids)."
    )


def test_a_text_that_is_no_json_is_another_schema() -> None:
    assert set(lost_schemas(KEPT, lambda _: "[" * 4000)) == set(KEPT)
    assert lost_schemas(KEPT, lambda schema_id: KEPT[schema_id].text) == {}
