"""Health scripts, run as Argo CD runs them: Lua 5.1 with the base and table libraries and nothing of the machine."""

from __future__ import annotations

from pathlib import Path

import lupa.lua51
from ruamel.yaml import YAML

FOLDER = Path(__file__).parents[2] / "examples" / "argocd"
SCRIPTS = FOLDER / "resource_customizations"
STATUSES = {"Healthy", "Progressing", "Degraded", "Suspended"}
_REMOVED = ("io", "os", "math", "string", "debug", "coroutine", "package", "require", "dofile", "loadfile", "print")


def health(script, resource):
    """Status and message that the script gives a resource."""
    lua = lupa.lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    lua.execute('getmetatable("").__index = nil')
    for name in (*_REMOVED, "python", "getmetatable"):
        lua.globals()[name] = None
    lua.globals().obj = _table(lua, resource)
    answer = lua.execute(script)
    assert set(answer) <= {"status", "message"}
    assert answer.status in STATUSES
    return answer.status, answer.message


def script(group, kind):
    """Text of the script for a kind."""
    return (SCRIPTS / group / kind / "health.lua").read_text()


def cases():
    """Each script with one row of its health_test.yaml, in the layout that Argo CD takes upstream."""
    yaml = YAML(typ="safe")
    for table in sorted(SCRIPTS.glob("*/*/health_test.yaml")):
        for row in yaml.load(table)["tests"]:
            resource = yaml.load(table.parent / row["inputPath"])
            yield table.parent, row["inputPath"], resource, row["healthStatus"]


def _table(lua, value):
    """A Python value as Argo CD hands it over: null is nil, so that a field that is null is not there."""
    if isinstance(value, dict):
        return lua.table_from({name: _table(lua, entry) for name, entry in value.items() if entry is not None})
    if isinstance(value, list):
        return lua.table_from([_table(lua, entry) for entry in value])
    return value
