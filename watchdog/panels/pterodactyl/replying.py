"""What the panel's answer to a completion means (contract section 3.5, result mapping). Pure: by status and error code, never by texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from watchdog.panels.pterodactyl.answers import code_of
from watchdog.runtime.answers import Answer

Word = Literal["taken", "completed_already", "s3", "forbidden", "gone", "invalid", "broken", "wrong_node", "redirected", "later"]
WAIT: Final = 300.0
"""Seconds to the next try when the panel named none."""
UPGRADE: Final = 1800.0
"""Seconds to the next try while the panel's release cannot take any completion."""
_NO_CONTENT: Final = 204

SENTENCES: Final[Mapping[Word, str]] = {
    "taken": "the panel took it",
    "completed_already": "the panel has this backup as complete already",
    "s3": "the panel keeps its backups in S3 by default and wants an upload that never was: only a person can help",
    "forbidden": "the panel refuses the token, or the node speaks for a backup of another: compare config.yml with the panel's node",
    "gone": "the panel has no such backup any more: its archive is an orphan",
    "invalid": "the panel finds our report malformed: something between us and it changes requests, or this program is wrong",
    "broken": "the panel fails on every completion (release 1.11.6, or its database): it must be upgraded or mended first",
    "wrong_node": "the panel says by an error of its own (1.11.7, 1.11.8) that the backup belongs to another node",
    "redirected": "the panel's address in Wings' configuration redirects: `remote` must be the last address",
    "later": "the panel could not answer",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, understood. ``delay`` is seconds to the next try, for the words that allow one."""

    word: Word
    message: str
    delay: float = WAIT


def reply_of(answer: Answer) -> Reply:
    """Given the answer to ``POST /api/remote/backups/{uuid}``, return what it means."""
    code = code_of(answer)
    word = _word(answer.status, code)
    delay = max(UPGRADE if word == "broken" else WAIT, answer.retry_after or 0.0)
    return Reply(word, f"{SENTENCES[word]} ({answer.status}{f' {code}' if code else ''})", delay)


def _word(status: int, code: str) -> Word:
    if status == _NO_CONTENT:
        return "taken"
    by_both: Mapping[tuple[int, str], Word] = {
        (400, "BadRequestHttpException"): "completed_already",
        (400, "DisplayException"): "s3",
        (500, "QueryException"): "broken",
        (500, "Error"): "wrong_node",
    }
    by_status: Mapping[int, Word] = {400: "forbidden", 401: "forbidden", 403: "forbidden", 404: "gone", 422: "invalid"}
    if found := by_both.get((status, code)):
        return found
    return "redirected" if status // 100 == 3 else by_status.get(status, "later")  # noqa: PLR2004  # HTTP's redirections
