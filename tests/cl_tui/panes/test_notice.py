"""The line below the panes."""

from textual.app import App, ComposeResult

from cl_tui.panes.notice import Notice


class _Told(App[None]):
    CSS = "Notice { height: 1; }"

    def compose(self) -> ComposeResult:
        yield Notice()


async def test_nothing_of_a_longer_text_stays() -> None:
    app = _Told()
    async with app.run_test(size=(60, 5)) as pilot:
        for told in ("Reading 1 of 2: calm-otter…", "Saved", "", "Task 2 begins", ""):
            app.query_one(Notice).say(told)
            await pilot.pause()
            shown = app.screen._compositor.render_strips(app.size)[0].text
            assert shown.strip() == told
