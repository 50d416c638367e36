"""The pages in a real browser, against a real viewer, broker and registry."""
