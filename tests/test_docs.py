"""Pages that repeat what is declared cannot drift."""

from docs import reference


def test_the_reference_is_what_is_declared() -> None:
    again = "after a change in engine/catalog or engine/settings: python -m docs.reference"
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), again


def test_every_setting_and_every_choice_is_in_the_reference() -> None:
    page = reference.page()
    for names in (*reference.NAMED, reference.settings()):
        assert [name for name in names if f"\n| `{name}" not in page] == []
