"""Confusions and images of what is held, in the files of a short run."""

import json
import re
from pathlib import Path

import numpy as np

from cl_tui.exports import export, html_page
from engine.catalog.entries import AGNOSTIC, AWARE
from engine.sessions.listing import read_session
from tests.runs import finished, tiny


def test_confusions_and_images_of_what_is_held_are_in_json_and_on_the_page(tmp_path: Path) -> None:
    session = finished(tmp_path, tiny())
    found = read_session(tmp_path, session.name)
    known = json.loads(export.as_json(found))
    confusions = [(of["after_task"], of["judged"]) for of in known["confusions"]]
    assert confusions == [(1, AWARE), (2, AWARE), (1, AGNOSTIC), (2, AGNOSTIC)]
    aware = known["confusions"][1]
    assert len(aware["counts"]) == len(aware["classes"]) == 10
    assert aware["counts"][0][9] is None
    images = known["images"]
    assert [[of["task"] for of in images[key]] for key in ("held", "added", "pulled")] == [[1, 2], [1, 2], [1, 2]]
    last, added = (np.array(images[key][1]["images"]) for key in ("held", "added"))
    assert last.shape == (1, 8, 8)
    most = np.array(images["held"][0]["images"]) + added  # as Ω of single weights may also become smaller
    assert (last <= most + 0.05 * last.max()).all()
    assert np.allclose(last, most, atol=0.2 * last.max())
    page = html_page.page(found, session.path)
    assert "What Ω of fc1.weight holds" in page
    assert "pulled by task 2: Σ|g|" in page
    assert page.count('class="held23"') == 1
    assert re.search(r"Task 2 put [\d.]+ % of its change in fc1 on the [\d.]+ % of the weights", page)
