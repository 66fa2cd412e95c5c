"""`doctor` called from Python."""

import sys

from detect.stages import doctor


def test_it_returns_what_it_found_and_says_nothing(capfd):
    result = doctor()
    assert list(result.sections) == [
        "Python and packages",
        "OpenCV",
        "Computing",
        "This folder",
    ]
    assert result.problems == 0
    found = {one.name: one for one in result.sections["OpenCV"]}
    assert found["Selective Search"].level == "ok"
    assert found["Selective Search"].remedy == ""
    assert capfd.readouterr() == ("", "")


def test_a_problem_is_counted_and_comes_with_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    result = doctor()
    assert result.problems == 2  # the package, and Selective Search
    (finding,) = (one for one in result.sections["OpenCV"] if one.name == "Selective Search")
    assert finding.level == "problem"
    assert finding.remedy.startswith("pip install")


def test_what_maintainers_install_is_no_users_concern():
    names = [finding.name for finding in doctor().sections["Python and packages"]]
    assert {"torch", "scikit-image", "scikit-learn"} <= set(names)
    assert not {"pytest", "mkdocs", "mkdocs-material"} & set(names)
