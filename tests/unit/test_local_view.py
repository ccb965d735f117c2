"""What a person sees: stages, trials, workers, live and in plain lines."""

from __future__ import annotations

import asyncio
import io

from tests.support.calibrations import calibration
from tests.support.machine import experiment, opened, shell

from jetcal_api.resource import JetCalibration
from jetcal_operator.local.display import Display
from jetcal_operator.local.view import stage_rows, trial_rows, verdict, worker_rows

MOMENT = "2026-11-21T03:00:00Z"


def resource(*conditions, stage="Tuning", **status):
    entries = [
        {"type": kind, "status": value, "reason": reason, "message": message, "observedGeneration": 1}
        | {"lastTransitionTime": MOMENT}
        for kind, value, reason, message in conditions
    ]
    return JetCalibration.parse(calibration() | {"status": {"stage": stage, "conditions": entries, **status}})


def states(*conditions, **status):
    return {row.name: row.state for row in stage_rows(resource(*conditions, **status))}


def test_before_anything_has_been_done_all_stages_wait():
    assert {row.state for row in stage_rows(JetCalibration.parse(calibration()))} == {"waiting"}


def test_stages_are_told_by_their_conditions():
    found = states(
        ("Ready", "False", "TuningRunning", ""),
        ("DatasetReady", "True", "Succeeded", ""),
        ("Tuned", "False", "Running", "1 trial"),
        ("Trained", "Unknown", "NotReached", ""),
        ("Serving", "False", "NothingAccepted", ""),
    )
    assert found == {
        "Dataset": "done",
        "Tuning": "running",
        "Training": "waiting",
        "Export": "waiting",
        "Evaluation": "waiting",
        "Serving": "waiting",
    }


def test_the_failed_stage_is_the_one_that_stalls():
    found = states(
        ("Stalled", "True", "SearchFailed", "all trials failed"),
        ("DatasetReady", "True", "Succeeded", ""),
        ("Tuned", "False", "SearchFailed", "all trials failed"),
        ("Trained", "Unknown", "NotReached", ""),
        ("Serving", "False", "NothingAccepted", ""),
    )
    assert (found["Tuning"], found["Training"], found["Serving"]) == ("failed", "waiting", "waiting")


def test_an_endpoint_that_was_verified_and_stopped_is_done_and_one_that_cannot_run_is_not():
    assert states(("Serving", "False", "NotKept", "verified"), stage="Done")["Serving"] == "done"
    assert states(("Serving", "False", "Unavailable", "no glibc"), stage="Done")["Serving"] == "failed"


def test_the_verdict_names_the_cause():
    ready = ("Ready", "False", "X", "not ready")
    assert verdict(resource(ready)) == "not ready"
    assert verdict(resource(ready, ("Stalled", "True", "X", "no file matches"))) == "no file matches"
    assert verdict(JetCalibration.parse(calibration())) == "nothing has been done yet"


def trial(name, state, owner="search-1", loss=None):
    observed = (
        {"observation": {"metrics": [{"name": "validation_loss", "min": str(loss), "latest": "9"}]}} if loss else {}
    )
    return {
        "metadata": {"name": name, "ownerReferences": [{"name": owner}]},
        "spec": {
            "objective": {"objectiveMetricName": "validation_loss", "type": "minimize"},
            "parameterAssignments": [
                {"name": "learningRate", "value": "0.00123456"},
                {"name": "optimizer", "value": "Adam"},
            ],
        },
        "status": {"conditions": [{"type": state, "status": "True"}], **observed},
    }


def pod(name, owner, phase="Running"):
    return {"metadata": {"name": name, "ownerReferences": [{"name": owner}]}, "status": {"phase": phase}}


def test_trials_of_the_newest_search_are_shown_with_their_losses():
    trials = [trial("old", "Succeeded", "search-0", 0.1), trial("a", "Succeeded", loss=0.2), trial("b", "Running")]
    reports = {"pod-b": {"validation_loss": [0.5, 0.3, 0.4]}}
    rows = trial_rows(trials, [pod("pod-b", "b")], lambda name: reports.get(name, {}))
    assert [(row.name, row.state, row.epochs, row.loss) for row in rows] == [
        ("a", "Succeeded", 0, 0.2),
        ("b", "Running", 3, 0.3),
    ]
    assert rows[0].hyperparameters == "learningRate 0.001235, optimizer Adam"


def test_running_workers_are_shown_with_their_epoch():
    reports = {"p": {"validation_loss": [0.5, 0.3]}, "done": {"validation_loss": [0.1]}}
    pods = [pod("p", "training"), pod("quiet", "export"), pod("done", "x", "Succeeded")]
    (row,) = worker_rows(pods, lambda name: reports.get(name, {}))
    assert row == ("training", 2, 0.3)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def follow(tmp_path, stream):
    """What is shown while a search runs."""
    report = 'echo "validation_loss=0.25" >> "$JETCAL_METRICS_FILE"'
    wanted = experiment("toy-tuning", shell(report), trials=2)

    async def main():
        display = Display(stream)
        async with opened(tmp_path) as machine:
            machine.cluster.submit(calibration() | {"metadata": {"name": "toy", "namespace": "default"}})
            async with display.following(machine.cluster, "toy"):
                display.tell("beside the table")
                machine.store.create(wanted)
                await machine.ended(wanted)

    asyncio.run(main())
    return stream.getvalue()


def test_plain_output_has_one_line_for_each_change(tmp_path):
    lines = follow(tmp_path, io.StringIO()).splitlines()
    assert all(line[:6].strip().replace(":", "").isdecimal() for line in lines)
    texts = [line[7:] for line in lines]
    assert texts[0] == "beside the table"
    assert len(texts) == len(set(texts))
    assert sum(": Succeeded, loss 0.25 (learningRate" in text for text in texts) == 2


def test_a_terminal_gets_a_live_table(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    shown = follow(tmp_path, Terminal())
    assert "2 trials" in shown
    assert "\x1b[" in shown
    assert "beside the table" in shown
