"""What the API server's answer to a write is made of: refusals with a reason and a remedy, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jetcal_operator.cluster import ObjectKey
from jetcal_operator.kube.refusals import refusal

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
KEY = ObjectKey("kubeflow.org/v1beta1", "Experiment", "ak4-tuning-1")
USER = "system:serviceaccount:jetcal-system:jetcal"
LABEL = "katib.kubeflow.org/metrics-collector-injection"


def answer(message, **details):
    return {"kind": "Status", "status": "Failure", "message": message, "details": details}


REFUSED = {
    "quota": (
        403,
        answer('experiments "x" is forbidden: exceeded quota: team, requested: count/x=1, used: count/x=5, limited: 5'),
        "QuotaExceeded",
        "ResourceQuota team of the namespace is used up (requested: count/x=1, used: count/x=5, limited: 5): raise",
    ),
    "webhook": (
        400,
        answer('admission webhook "validator.experiment.katib" denied the request: goal is missing'),
        "WebhookRefused",
        "admission webhook validator.experiment.katib refused it: goal is missing",
    ),
    "webhook without a word": (
        403,
        answer('admission webhook "w" denied the request without explanation'),
        "WebhookRefused",
        "admission webhook w refused it: without explanation",
    ),
    "Katib's label": (
        403,
        answer(
            'admission webhook "validator.experiment.katib.kubeflow.org" denied the request: Cannot create the '
            f'Experiment "x" in namespace "jec": the namespace lacks label "{LABEL}: enabled"'
        ),
        "WebhookRefused",
        f"run: kubectl label namespace jec {LABEL}=enabled",
    ),
    "webhook away": (
        500,
        answer(
            'Internal error occurred: failed calling webhook "validator.experiment.katib.kubeflow.org": failed to call '
            'webhook: Post "https://katib-controller.kubeflow.svc:443/validate-experiment?timeout=10s": refused'
        ),
        "WebhookUnavailable",
        "validator.experiment.katib.kubeflow.org (katib-controller.kubeflow.svc) does not answer: see that its",
    ),
    "webhook's service without endpoints": (
        500,
        answer(
            'Internal error occurred: failed calling webhook "v": failed to call webhook: Post '
            '"https://v.ns.svc:443/": no endpoints available for service "v"'
        ),
        "WebhookUnavailable",
        'no endpoints available for service "v"',
    ),
    "rights": (
        403,
        answer(
            f'experiments.kubeflow.org is forbidden: User "{USER}" cannot create resource "experiments" in API group '
            '"kubeflow.org" in the namespace "jec"'
        ),
        "Forbidden",
        f"the operator may not create experiments: check the operator's role ({USER})",
    ),
    "the right to block an owner's deletion": (
        403,
        answer(
            'jobs.batch "x" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you '
            "can't set finalizers on: , <nil>"
        ),
        "Forbidden",
        "it needs update on jetcalibrations/finalizers",
    ),
    "some other admission": (
        403,
        answer('jobs.batch "x" is forbidden: the moon is full'),
        "Forbidden",
        'the API server forbids it: jobs.batch "x" is forbidden: the moon is full',
    ),
    "policy": (
        422,
        answer(
            "jobs.batch \"x\" is forbidden: ValidatingAdmissionPolicy 'images' with binding 'images-b' denied request: "
            "images must be signed"
        ),
        "PolicyRefused",
        "ValidatingAdmissionPolicy images refused it: images must be signed",
    ),
    "Pod Security": (
        403,
        answer(
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod must set x)'
        ),
        "PodSecurity",
        "Pod Security level restricted forbids it (runAsNonRoot != true (pod must set x))",
    ),
    "invalid": (
        422,
        answer(
            "Experiment is invalid",
            causes=[{"field": f"spec.f{i}", "message": "Required value", "reason": "x"} for i in range(7)],
        ),
        "Invalid",
        (
            "spec.f0: Required value; spec.f1: Required value; spec.f2: Required value; spec.f3: Required value; "
            "spec.f4: Required value; 2 more"
        ),
    ),
    "invalid without causes": (422, answer("it is wrong."), "Invalid", "the API server finds it invalid: it is wrong"),
    "bad request": (400, answer("unknown field"), "Refused", "the API server refused it (400): unknown field"),
    "a namespace that goes": (
        403,
        answer(
            'jobs.batch "x" is forbidden: unable to create new content in namespace jec because it is being terminated'
        ),
        "NamespaceTerminating",
        "the namespace is being deleted",
    ),
}


@pytest.mark.parametrize(("code", "body", "reason", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_object_cause_and_remedy(code, body, reason, sentence):
    found = refusal(code, body, KEY, 0, NOW)
    assert found.reason == reason
    assert found.message.startswith("Experiment ak4-tuning-1 cannot be written: ")
    assert sentence in found.message
    assert "\n" not in found.message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (409, 'experiments "x" already exists'),
        (409, "Operation cannot be fulfilled: the object has been modified"),
        (404, 'namespaces "jec" not found'),
        (404, "the server could not find the requested resource"),
        (401, "Unauthorized"),
        (429, "too many requests"),
        (500, "Internal error occurred: etcd is away"),
        (503, "the server is starting"),
        (504, "timed out"),
        (0, "connection refused"),
    ],
)
def test_what_a_plain_retry_gets_over_is_no_refusal(code, message):
    assert refusal(code, answer(message), KEY, 0, NOW) is None


def test_an_answer_without_a_body_is_told_by_its_code():
    assert "(415): without explanation" in refusal(415, {}, KEY, 0, NOW).message
    assert refusal(502, {}, KEY, 0, NOW) is None


def test_patience_doubles_up_to_five_minutes():
    body = answer("unknown field")
    waits = [refusal(400, body, KEY, attempts, NOW).again - NOW for attempts in (0, 1, 2, 3, 4, 5, 99)]
    assert waits == [timedelta(seconds=seconds) for seconds in (10, 20, 40, 80, 160, 300, 300)]
