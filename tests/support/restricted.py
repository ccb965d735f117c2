"""A checker of the restricted Pod Security level, after its published rules, apart from what our builders think."""

from __future__ import annotations

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
SECCOMP = {"RuntimeDefault", "Localhost"}
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def violations(spec):
    """What is wrong with a Pod's spec, one sentence each."""
    pod = spec.get("securityContext") or {}
    yield from _shared(spec)
    for volume in spec.get("volumes", []):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"volume {volume['name']} is of a forbidden type"
    for group in CONTAINERS:
        for container in spec.get(group, []):
            for sentence in _container(container, pod):
                yield f"{group} {container['name']}: {sentence}"


def _shared(spec):
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"{field} is set"
    if (spec.get("securityContext") or {}).get("sysctls"):
        yield "sysctls are set"


def _container(container, pod):
    own = container.get("securityContext") or {}
    effective = {name: own.get(name, pod.get(name)) for name in ("runAsNonRoot", "runAsUser", "seccompProfile")}
    capabilities = own.get("capabilities") or {}
    probes = [container.get(probe) or {} for probe in ("livenessProbe", "readinessProbe", "startupProbe")]
    found = {
        "is privileged": bool(own.get("privileged")),
        "allows privilege escalation": own.get("allowPrivilegeEscalation") is not False,
        "does not drop ALL capabilities": "ALL" not in capabilities.get("drop", []),
        "adds capabilities": bool(set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}),
        "may run as root": effective["runAsNonRoot"] is not True,
        "runs as root": effective["runAsUser"] == 0,
        "has no seccomp profile": (effective["seccompProfile"] or {}).get("type") not in SECCOMP,
        "has another procMount": own.get("procMount", "Default") != "Default",
        "has a host port": any(port.get("hostPort") for port in container.get("ports", [])),
        "probes another host": any("host" in probe.get("httpGet", {}) for probe in probes),
    }
    return [sentence for sentence, wrong in found.items() if wrong]
