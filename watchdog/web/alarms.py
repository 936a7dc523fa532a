"""The webhook of Alertmanager, payload version 4: answered 202 before anything is done with what it tells.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Fields that we do not go by are none of our business.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from watchdog.errors import Throttled
from watchdog.model.alarms import Alarm
from watchdog.web.bodies import Body
from watchdog.web.guard import ALARMS
from watchdog.web.ports import Backing

MOST = 1000
ACCEPTED = 202
Text = Annotated[str, Field(max_length=4096)]


class _Foreign(BaseModel):
    """A body whose shape is another's: what we do not know in it is left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class AlertBody(_Foreign):
    """One alert of a notification."""

    status: Literal["firing", "resolved"]
    labels: dict[Text, Text] = Field(max_length=200)
    startsAt: AwareDatetime  # noqa: N815  # Alertmanager's name
    fingerprint: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")

    def alarm(self) -> Alarm:
        """Return it as a value."""
        return Alarm(self.fingerprint, self.startsAt.timestamp(), self.status == "firing", self.labels)


class NotificationBody(_Foreign):
    """POST /api/v1/alertmanager: one notification of a group of alerts."""

    version: Literal["4"]
    alerts: list[AlertBody] = Field(max_length=MOST)


class TakenBody(Body):
    """How many alerts were taken; what comes of them is in the log and in the metrics."""

    taken: int


def alarm_routes(app: FastAPI, backing: Backing) -> None:
    """Add the route."""

    @app.post(ALARMS, status_code=ACCEPTED)
    async def alertmanager(notification: NotificationBody) -> TakenBody:
        """Take what Alertmanager tells; never an order, only a reason to look, and to pause where the configuration says so."""
        alarms = tuple(alert.alarm() for alert in notification.alerts)
        if not backing.alarms.take(alarms):
            raise Throttled("too many alerts wait", delay=10.0)
        return TakenBody(taken=len(alarms))
