"""The index of containers and events finds exactly what a search through all of them finds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.mcsmanager import DAEMON, NOW, instance, seen, uuid_of
from watchdog.model.docker import Container, ContainerEvent, DockerFacts, Mount
from watchdog.panels.mcsmanager.sides import Truth, sides_of
from watchdog.panels.mcsmanager.sight import LIVE, Candidate, Sight, identify
from watchdog.panels.mcsmanager.view import LABEL, Daemon, Status

UUIDS = [uuid_of(number) for number in range(3)]
NAMES = [f"MCSM-{uuid[:6]}" for uuid in UUIDS] + ["same", "db"]
OTHER = "f" * 32


# -- by searching: one instance against every container, as it was before there was an index


def picked(item, daemon, candidates):
    known = [replace(each, identified=found) for each in candidates if (found := identify(item, each))]
    known.sort(key=lambda each: ({"label": 0, "mount": 1, "name": 2}[each.identified], each.id))
    own = [each for each in known if each.identified != "name" or not daemon.labels_containers]
    return Truth(
        live=next((each for each in own if each.state in LIVE), None),
        leftover=next((each for each in own if each.state not in LIVE), None),
        stranger=next((each for each in known if each not in own), None),
    )


def ours(each):
    label = each.labels.get(LABEL, "")
    return Candidate(each.id, each.name, each.state, each.image, label, tuple(m.source for m in each.mounts), each.started_at)


def searched(item, daemon, docker):
    remote = picked(item, daemon, [Candidate(c.id, c.name, c.state, c.image, c.instance, c.sources) for c in daemon.containers])
    if docker is None:
        return remote
    local = picked(item, daemon, [ours(each) for each in docker.containers])
    if (local.live.id if local.live else "") != (remote.live.id if remote.live else ""):
        return "unclear"
    return local


def heard(item, docker):
    events = docker.events if docker else ()
    return tuple(
        each
        for each in events
        if each.labels.get(LABEL) == item.uuid or (LABEL not in each.labels and each.name == item.container_name)
    )  # fmt: skip


# -- what may be there

labels = st.sampled_from([{}, {}, {LABEL: ""}, {LABEL: OTHER}, *({LABEL: uuid} for uuid in UUIDS)])
paths = ["", "/elsewhere", *(f"{folder}/{uuid}" for folder in ("/srv", "/host/path") for uuid in UUIDS)]
sources = st.sampled_from([(), *((path,) for path in paths)])
containers = st.lists(
    st.builds(
        lambda ident, name, state, image, label, mounts: Container(
            ident, name, image, state, labels=label, mounts=tuple(Mount(path, "/data") for path in mounts), started_at=1.0
        ),
        st.sampled_from("abcdef"),
        st.sampled_from(NAMES),
        st.sampled_from(["running", "running", "paused", "exited", "created", "dead", "removing"]),
        st.sampled_from(["bb", "other"]),
        labels,
        sources,
    ),
    max_size=8,
)
events = st.lists(
    st.builds(
        lambda action, name, at, label: ContainerEvent(action, "c", name, at, None, label),
        st.sampled_from(["start", "die", "oom"]),
        st.sampled_from(NAMES),
        st.floats(0, 100),
        labels,
    ),
    max_size=10,
)


@given(
    here=containers, there=st.none() | containers, told=events, local=st.booleans(), version=st.sampled_from(["4.18.2", "4.6.2"]),
    chosen=st.lists(st.sampled_from(["", "same"]), min_size=3, max_size=3),
)  # fmt: skip
def test_the_index_finds_what_a_search_finds(here, there, told, local, version, chosen):
    listed = here if there is None else there
    living = tuple(seen(each) for each in listed if each.state in ("running", "paused"))
    daemon = Daemon(DAEMON, available=True, version=version, containers=living)
    docker = DockerFacts("ENGINE", "20.10", tuple(here), tuple(told)) if local else None
    sides = sides_of(daemon, Sight("local" if local else "foreign", docker=docker))
    for number, name in enumerate(chosen):
        item = instance(number, Status.STOPPED, configured_name=name)
        found, wanted = sides.truth(item), searched(item, daemon, docker)
        assert bool(found.unclear) is (wanted == "unclear")
        assert found.unclear or found == wanted
        assert sides.events(item) == heard(item, docker)


@pytest.mark.parametrize(
    ("changes", "identified"),
    [
        ({"labels": {LABEL: UUIDS[1]}, "name": "renamed"}, "label"),
        ({"labels": {LABEL: OTHER}}, None),
        ({}, "mount"),
        ({"image": "other"}, "name"),
        ({"mounts": ()}, "name"),
        ({"name": "renamed"}, None),
    ],
)
def test_how_a_container_is_known(changes, identified):
    item = instance(1, Status.STOPPED)
    base = Container("c1", item.container_name, "bb", "running", mounts=(Mount(item.cwd, "/data"),))
    docker = DockerFacts("ENGINE", "20.10", (replace(base, **changes),))
    daemon = Daemon(DAEMON, available=True, version="4.6.2", containers=(seen(docker.containers[0]),))
    live = sides_of(daemon, Sight("local", docker=docker)).truth(item).live
    assert (live.identified if live else None) == identified


def test_events_with_and_without_a_label_stay_in_order():
    item = instance(1)
    told = tuple(
        ContainerEvent("start", "c", item.container_name, NOW.wall + n, None, {LABEL: item.uuid} if n % 2 else {}) for n in range(6)
    )
    docker = DockerFacts("ENGINE", "20.10", events=told)
    assert sides_of(Daemon(DAEMON), Sight("local", docker=docker)).events(item) == told
