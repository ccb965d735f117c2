"""Status of Trials and Experiments, spelt and reasoned as Katib's controller does. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

UNAVAILABLE = "unavailable"
"""Value of a metric that was not reported."""
TRIAL_ENDS = ("Succeeded", "Killed", "Failed", "MetricsUnavailable", "EarlyStopped")
EXPERIMENT_ENDS = ("Succeeded", "Failed")
_LISTS = {
    "Succeeded": ("succeededTrialList", "trialsSucceeded"),
    "Failed": ("failedTrialList", "trialsFailed"),
    "Killed": ("killedTrialList", "trialsKilled"),
    "EarlyStopped": ("earlyStoppedTrialList", "trialsEarlyStopped"),
    "MetricsUnavailable": ("metricsUnavailableTrialList", "trialMetricsUnavailable"),
    "Running": ("runningTrialList", "trialsRunning"),
    "Pending": ("pendingTrialList", "trialsPending"),
}
"""State of a Trial -> its list and its count in the Experiment's status."""


def now():
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_true(thing, kind):
    """Whether a condition holds."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    return any(entry["type"] == kind and entry["status"] == "True" for entry in conditions)


def has_ended(thing, ends=TRIAL_ENDS):
    """Whether a Trial or Experiment has come to one of its ends."""
    return any(is_true(thing, end) for end in ends)


def with_condition(status, kind, reason, message, value="True"):
    """The status with one condition set; its time of transition changes with its value only."""
    conditions = status.get("conditions") or []
    before = next((entry for entry in conditions if entry["type"] == kind), {})
    entry = {"type": kind, "status": value, "reason": reason, "message": message}
    if before.items() >= entry.items():
        return status
    changed = before["lastTransitionTime"] if before.get("status") == value else now()
    entry |= {"lastUpdateTime": now(), "lastTransitionTime": changed}
    return status | {"conditions": [*(other for other in conditions if other["type"] != kind), entry]}


def ended(status, kind, reason, message):
    """The status at the end: Running no longer holds, the end does."""
    running = next((entry for entry in status.get("conditions") or [] if entry["type"] == "Running"), None)
    if running:
        status = with_condition(status, "Running", running["reason"], running["message"], "False")
    return with_condition(status | {"completionTime": now()}, kind, reason, message)


def job_end(job):
    """``Succeeded`` or ``Failed`` with the message of the job's condition, None while it runs."""
    for kind, end in (("Complete", "Succeeded"), ("Succeeded", "Succeeded"), ("Failed", "Failed")):
        if is_true(job, kind):
            entry = next(entry for entry in job["status"]["conditions"] if entry["type"] == kind)
            return end, entry.get("message", "")
    return None


def observation(trial, reported):
    """The metrics that the Trial wants, from those that were reported: name -> {min, max, latest}."""
    objective = trial["spec"]["objective"]
    names = (objective["objectiveMetricName"], *objective.get("additionalMetricNames", []))
    absent = dict.fromkeys(("min", "max", "latest"), UNAVAILABLE)
    return {"metrics": [{"name": name} | (reported.get(name) or absent) for name in names]}


def after_job(trial, job, reported):
    """The Trial's status after a look at its job and at what was reported (None: nothing yet)."""
    status = {"startTime": now()} | trial.get("status", {})
    status = with_condition(status, "Created", "TrialCreated", "Trial is created")
    end = job_end(job)
    if end is None or (end[0] == "Succeeded" and reported is None):
        return with_condition(status, "Running", "TrialRunning", "Trial is running")
    if end[0] == "Failed":
        message = f"Trial has failed. Job message: {end[1]}" if end[1] else "Trial has failed"
        return ended(status, "Failed", "TrialFailed", message)
    observed = observation(trial, reported)
    if observed["metrics"][0]["latest"] == UNAVAILABLE:
        message = "Metrics are not available"
        return ended(status | {"observation": observed}, "MetricsUnavailable", "MetricsUnavailable", message)
    return ended(status | {"observation": observed}, "Succeeded", "TrialSucceeded", "Trial has succeeded")


def after_trials(experiment, trials):
    """The Experiment's status after a look at its Trials."""
    status = {"startTime": now()} | experiment.get("status", {}) | _counts(trials)
    best, is_goal_reached = optimum(experiment["spec"]["objective"], trials)
    if best:
        status["currentOptimalTrial"] = {
            "bestTrialName": best["metadata"]["name"],
            "parameterAssignments": best["spec"]["parameterAssignments"],
            "observation": best["status"]["observation"],
        }
    status = with_condition(status, "Created", "ExperimentCreated", "Experiment is created")
    end = _verdict(experiment["spec"], status, is_goal_reached=is_goal_reached)
    if end:
        return ended(status, *end)
    return with_condition(status, "Running", "ExperimentRunning", "Experiment is running")


def optimum(objective, trials):
    """The best Trial and whether the goal is reached, with all that is odd in Katib's own loop.

    Every Trial that has an observation counts, failed ones too; one that cannot be parsed becomes the best; NaN
    compares with nothing and so stays the best when it comes first.
    """
    best, value, reached = None, 0.0, False
    goal, sign = objective.get("goal"), 1 if objective["type"] == "minimize" else -1
    for trial in trials:
        text = _objective_value(objective, trial)
        if text is None or text == UNAVAILABLE:
            continue
        try:
            found = float(text)
        except ValueError:
            best = trial
            continue
        if best is None or sign * found < sign * value:
            best, value = trial, found
        reached = reached or (goal is not None and sign * value <= sign * goal)
    return best, reached


def _objective_value(objective, trial):
    name = objective["objectiveMetricName"]
    strategies = {entry["name"]: entry["value"] for entry in objective.get("metricStrategies", [])}
    by_type = {"minimize": "min", "maximize": "max"}[objective["type"]]
    metrics = (trial.get("status") or {}).get("observation", {}).get("metrics", [])
    found = next((entry for entry in metrics if entry["name"] == name), None)
    return found[strategies.get(name, by_type)] if found else None


def _verdict(spec, status, *, is_goal_reached):
    failed = status["trialsFailed"] + status["trialMetricsUnavailable"]
    limit = spec.get("maxFailedTrialCount")
    if limit is not None and failed and failed >= limit:
        return "Failed", "ExperimentFailed", "Experiment has failed because max failed count has reached"
    if is_goal_reached:
        return "Succeeded", "ExperimentGoalReached", "Experiment has succeeded because Objective goal has reached"
    done = status["trials"] - status["trialsRunning"] - status["trialsPending"]
    if done >= spec["maxTrialCount"]:
        message = "Experiment has succeeded because max trial count has reached"
        return "Succeeded", "ExperimentMaxTrialsReached", message
    return None


def _counts(trials):
    names = {state: [] for state in _LISTS}
    for trial in trials:
        state = next((state for state in _LISTS if is_true(trial, state)), "Pending")
        names[state].append(trial["metadata"]["name"])
    counts = {"trials": len(trials)}
    for state, (listed, counted) in _LISTS.items():
        counts |= {listed: names[state], counted: len(names[state])}
    return counts
