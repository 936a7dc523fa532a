"""Mutated volumes, lists and manifests: whatever they hold, there is a finding, soon, and no error of Python's."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.support.duplicati_folder import listed, volumes
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.volume_check import Volume, examine
from watchdog.model.volumes import volume_name
from watchdog.runtime.splits import split

PIECES = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"PK\1\2", b"PK\5\6", b"\x00\x80\x00\x00", b"[[[[", b'"},{"')
LONGEST = 2.0


def mutated(content, rnd):
    data = bytearray(content)
    for _ in range(rnd.choice((1, 1, 2, 5))):
        at = rnd.randrange(len(data) + 1)
        match rnd.randrange(5):
            case 0 if at < len(data):
                data[at] ^= 1 << rnd.randrange(8)
            case 1:
                del data[at : at + rnd.choice((1, 2, 50))]
            case 2:
                data[at:at] = rnd.randbytes(rnd.choice((1, 4, 30)))
            case 3:
                data[at : at + 4] = rnd.choice(PIECES)
            case _:
                data[at:at] = data[rnd.randrange(len(data) + 1) :][: rnd.choice((3, 40))]
    return bytes(data)


def fuzz(folder, seed, count):
    whole = folder / "whole"
    whole.write_bytes(bytes(5000))
    manifest = split(whole, 1000)
    inputs = [("manifest", "", "", manifest.read_bytes())]
    for encrypted in (False, True):
        for name, content in listed(volumes(encrypted=encrypted)).items():
            told = volume_name(name)
            inputs.append((told.kind, told.packing, told.encryption, content))
    rnd, path, slowest = random.Random(seed), folder / "mutant", 0.0
    for number in range(count):
        kind, packing, encryption, content = rnd.choice(inputs)
        path.write_bytes(mutated(content, rnd))
        descriptor = os.open(path, os.O_RDONLY)
        began = time.process_time()
        source = Source(descriptor, path.stat().st_size, digest=True, algorithm="sha256")
        finding, _ = examine(source, 2, Volume(kind, packing, encryption, "sha256"), 64 << 20)
        slowest = max(slowest, time.process_time() - began)
        os.close(descriptor)
        assert finding.verdict in {"good", "bad", "unverifiable"}, (seed, number)
        assert (finding.verdict == "good") or finding.reasons, (seed, number)
    assert slowest < LONGEST, seed


def test_mutants_get_a_finding(tmp_path):
    fuzz(tmp_path, 4, 2000)


@pytest.mark.soak
def test_soak_mutants_get_a_finding(tmp_path):
    fuzz(tmp_path, random.randrange(1 << 30), 100_000)
