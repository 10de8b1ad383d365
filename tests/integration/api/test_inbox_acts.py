"""The form below a list: acting on several alerts without JavaScript, and what is told of it."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest

from api.parameters import MAX_LIMIT
from tests.integration.api.conftest import NAMES, alert, commit, house
from tests.integration.api.test_pages import Page
from tests.integration.api.test_together import everyone, groups, settle, shaken
from tests.together import shock, tell

__all__ = ["shaken"]


class Form(HTMLParser):
    """The form of a list as a browser sends it: its fields, and those that name it elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action, self.fields, self.boxes, self.options = "", [], {}, {}
        self._inside, self._select = False, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Take what belongs to the form."""
        found = dict(attrs)
        if tag == "form":
            self._inside = found.get("id") == "several"
            self.action = found["action"] if self._inside else self.action
        mine = self._inside or found.get("form") == "several"
        if tag == "input" and mine and found.get("type") == "checkbox":
            self.boxes[found["name"], found["value"]] = "checked" in found
        elif tag == "input" and mine and found.get("type") == "hidden":
            self.fields.append((found["name"], found["value"]))
        elif tag == "select" and mine:
            self._select = found["name"]
        elif tag == "option" and self._inside and self._select:
            self.options.setdefault(self._select, []).append(found["value"])

    def handle_endtag(self, tag):
        """Leave the form."""
        self._inside = self._inside and tag != "form"

    def sent(self, *ticked: str, **fields: str) -> list[tuple[str, str]]:
        """What is sent with these alerts ticked, or with ``all`` of them."""
        boxes = [box for box in self.boxes if box[1].split(":")[0] in ticked or box[0] in ticked]
        return [*self.fields, *boxes, *fields.items()]


def read(opened, headers=None, path="/"):
    """A list and its form."""
    answer = opened.client.get(path, headers={**(headers or {}), "accept": "text/html"})
    assert answer.status_code == 200, answer.text
    Page(answer.text)
    return answer.text, Form(answer.text)


def send(opened, form, *ticked, headers=None, **fields):
    """The page that comes of sending a form."""
    sent = form.sent(*ticked, **fields)
    answer = opened.client.post(
        form.action.partition("#")[0],
        data={name: [value for key, value in sent if key == name] for name, _ in sent},
        headers={**(headers or {}), "accept": "text/html"},
    )
    if answer.headers["content-type"].startswith("text/html"):
        Page(answer.text)
    return answer


def words(text):
    """The text of a page as it is read."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def states(opened):
    return [opened.store.alert(name).state.value for name in NAMES]


def test_every_alert_of_a_list_has_a_box_that_says_whose_it_is(signalled):
    text, form = read(signalled)

    assert {("alert", f"{name}:1") for name in NAMES} | {("all", "yes")} == set(form.boxes)
    assert [("shown", f"{name}:1") for name in reversed(NAMES)] == form.fields
    for name in NAMES:
        assert f'<label for="s-{name}">Choose<span class="hidden">: Incidents at ward W1' in text
    assert not any(form.boxes.values())


def test_what_is_ticked_is_acted_on_and_nothing_else(signalled):
    _, form = read(signalled)
    answer = send(signalled, form, "a1", "a3", action="acknowledge", note="One event")

    assert (200, ["acknowledged", "new", "acknowledged"]) == (
        answer.status_code,
        states(signalled),
    )
    told = words(answer.text)
    assert "Acknowledge: done for 2 of 2 alerts" in told
    assert told.index("done for 2 of 2") < told.index("Unit code") < told.index("Choose")
    (done,) = signalled.store.alert("a1").actions
    assert ("One event", 2) == (done.note, done.at_once)


def test_an_alert_says_with_how_many_others_it_was_acted_on(signalled):
    _, form = read(signalled)
    send(signalled, form, "all", action="close", outcome="explained_known")
    page = words(signalled.client.get("/alerts/a2").text)

    assert "by local, with 2 other alerts of RXX: explained known" in page


def test_all_that_is_shown_is_acted_on_and_never_what_came_since(signalled):
    _, form = read(signalled)
    commit(signalled.store, ("opened", alert("a9")))
    answer = send(signalled, form, "all", action="close", outcome="explained_data")

    assert ["closed"] * 3 == states(signalled)
    assert "new" == signalled.store.alert("a9").state
    assert "Close: done for 3 of 3 alerts" in words(answer.text)


def test_what_changed_since_it_was_shown_is_left_and_told_first(signalled):
    _, form = read(signalled)
    commit(signalled.store, ("raised", alert("a2", level=2)))
    answer = send(signalled, form, "all", action="acknowledge")
    told = words(answer.text)

    assert ["acknowledged", "new", "acknowledged"] == states(signalled)
    assert "Acknowledge: done for 2 of 3 alerts 1 was left as it is." in told
    assert told.index("The alert has changed since it was read") < told.index("Done")
    assert "<details open>" in answer.text


def test_what_stands_so_already_is_told_apart(signalled):
    signalled.store.act("a1", "acknowledge", actor="t", at=signalled.clock())
    _, form = read(signalled)

    told = words(send(signalled, form, "all", action="acknowledge").text)
    assert "done for 2 of 3 alerts 1 stood so already." in told


def test_a_form_that_is_sent_twice_is_done_once_and_told_as_before(signalled):
    _, form = read(signalled)
    first = send(signalled, form, "a1", action="comment", note="seen")
    again = send(signalled, form, "a1", action="comment", note="seen")

    assert "Comment: done for 1 of 1 alert" in words(first.text)
    assert "Comment: done for 1 of 1 alert" in words(again.text)
    assert 1 == len(signalled.store.alert("a1").actions)


def test_after_it_the_list_is_that_which_was_filtered(signalled):
    _, form = read(signalled, path="/?state=new&level=1&unit=RXX")
    answer = send(signalled, form, "a1", action="acknowledge")

    assert "/?unit=RXX&level=1&state=new#main" == form.action
    assert {f"a{n}:1" for n in (2, 3)} == {value for _, value in Form(answer.text).fields}
    assert '<a href="/alerts/a1">W1' in answer.text


@pytest.mark.parametrize(
    ("ticked", "fields", "status", "said"),
    [
        ((), {"action": "acknowledge"}, 422, "Alerts: choose one or more"),
        (("a1",), {"action": "close"}, 422, "Outcome: closing needs an outcome"),
        (("a1",), {"action": "snooze", "until": "soon"}, 422, "Until: snoozing needs a time"),
        (("a1",), {"action": "comment", "note": "943 476 5919"}, 422, "NHS number"),
        (("a1",), {}, 422, "Action: "),
        (("a1",), {"action": "dance"}, 422, "Action: "),
    ],
)
def test_a_form_that_is_refused_says_why_and_does_nothing(signalled, ticked, fields, status, said):
    _, form = read(signalled)
    answer = send(signalled, form, *ticked, **fields)

    assert status == answer.status_code
    assert 'role="alert"' in answer.text
    assert "Nothing was done." in answer.text
    assert said in words(answer.text)
    assert ["new"] * 3 == states(signalled)


def test_a_form_that_lacks_something_keeps_what_was_chosen_and_said(signalled):
    _, form = read(signalled)
    answer = send(signalled, form, "a1", "a3", action="close", note="A new form")
    again = Form(answer.text)

    assert {"a1:1", "a3:1"} == {value for (_, value), ticked in again.boxes.items() if ticked}
    assert '<option value="close" selected>' in answer.text
    assert ">A new form</textarea>" in answer.text
    assert "done for 2 of 2" in words(
        send(signalled, again, "a1", "a3", action="close", outcome="no_concern").text
    )


@pytest.mark.parametrize("ticked", [("a1", "a3"), ("all",)])
def test_a_choice_that_changed_meanwhile_or_came_since_is_not_chosen_again(signalled, ticked):
    _, form = read(signalled)
    commit(signalled.store, ("raised", alert("a1", level=2)), ("opened", alert("a9")))
    again = Form(send(signalled, form, *ticked, action="close").text)
    chosen = {box[1].split(":")[0] for box, checked in again.boxes.items() if checked}

    assert {"a3"} == chosen - {"a2"}
    assert ("a2" in chosen) == (ticked == ("all",))


@pytest.mark.parametrize("ticked", [(), ("a1",)])
def test_words_that_may_name_a_person_are_not_repeated(signalled, ticked):
    _, form = read(signalled)
    answer = send(
        signalled, form, *ticked, action="assign", note="fine", assignee="jo@example.nhs.uk"
    )

    assert 422 == answer.status_code
    assert "jo@example" not in answer.text


def test_a_form_from_another_site_or_in_another_form_is_refused(signalled):
    body = {"action": "acknowledge", "alert": "a1:1"}
    elsewhere = signalled.client.post("/", data=body, headers={"origin": "https://evil.example"})

    assert 403 == elsewhere.status_code
    assert 415 == signalled.client.post("/", json=body).status_code
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for odd in (b"\xff\xfe", b"&".join(b"alert=%d" % n for n in range(3 * MAX_LIMIT))):
        assert 400 == signalled.client.post("/", content=odd, headers=kind).status_code
    for odd in ("a1", "a1:", "a1:x", ":1", "a 1:1", "a1:99999999999", "\0:1"):
        assert 422 == signalled.client.post("/", data={**body, "alert": odd}).status_code
    assert ["new"] * 3 == states(signalled)


@pytest.mark.parametrize("path", ["/?unit=RXX01&level=2", "/?state=acknowledged"])
def test_a_list_of_none_or_one_has_no_form(signalled, path):
    signalled.store.act("a1", "acknowledge", actor="t", at=signalled.clock())
    text, form = read(signalled, path=path)

    assert "Act on several" not in text
    assert ("", {}) == (form.action, form.boxes)


def test_only_actions_that_an_alert_of_the_list_can_take_are_offered(signalled):
    for name in NAMES:
        signalled.store.act(name, "close", actor="t", at=signalled.clock(), outcome="no_concern")
    _, form = read(signalled)

    assert ["comment", "reopen"] == form.options["action"]


def test_a_group_is_shown_whole_and_acted_on_as_one(shaken):
    headers = shaken.key("RA1")
    (group,) = groups(shaken, headers)
    everybody = everyone(shaken)
    (whole,) = groups(shaken, everybody)
    _, form = read(shaken, everybody, f"/?together={whole['id']}")
    assert 24 == len(form.fields)

    _, form = read(shaken, headers, f"/?together={group['id']}")
    answer = send(
        shaken, form, "all", headers=headers, action="close", outcome="explained_data", note="Form"
    )

    assert "Close: done for 8 of 8 alerts" in words(answer.text)
    assert "0 of its 8 alerts are not closed." in words(answer.text)
    assert 16 == groups(shaken, everybody)[0]["open"]


def test_a_group_that_is_gone_afterwards_is_told_of_all_the_same(tmp_path):
    with house(tmp_path) as opened:
        settle(opened)
        records = shock()
        tell(opened.store, *records)
        (group,) = groups(opened, {})
        _, form = read(opened, path=f"/?together={group['id']}")
        tell(opened.store, *records[2:], change="retracted")
        answer = send(opened, form, "all", action="acknowledge")

        assert [] == groups(opened, {})
        assert "Acknowledge: done for 2 of 24 alerts" in words(answer.text)


def test_nobody_acts_on_another_providers_alert_by_form(shaken):
    mine = shaken.key("RA1")
    answer = shaken.client.post(
        "/",
        data={"action": "acknowledge", "alert": ["RA1-1:1", "RB2-1:1"]},
        headers={**mine, "accept": "text/html"},
    )

    assert "done for 1 of 2 alerts" in words(answer.text)
    assert "RB2" not in answer.text
    assert "new" == shaken.store.alert("RB2-1").state
