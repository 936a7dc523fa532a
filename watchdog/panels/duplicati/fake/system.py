"""What the server says of itself and its host (systeminfo.json; its long catalogues are shortened)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from watchdog.panels.duplicati.fake.stamps import shown, ticks_of

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld


def path_exists(path: str) -> bool:
    """Whether the server sees a path."""
    return os.path.exists(path)  # noqa: PTH110  # any text a caller sends


def info(world: DuplicatiWorld) -> dict[str, Any]:
    """Return systeminfo: the members of each release in the recorded order."""
    release = world.release
    now = shown(ticks_of(world.clock.now().wall), world.zone)
    told: dict[str, Any] = {
        "APIVersion": 1, "PasswordPlaceholder": release.placeholder, "ServerVersion": release.version, "ServerVersionName": release.version,
        "ServerVersionType": release.kind, "RemoteControlRegistrationUrl": "https://api.duplicati.com/remotecontrol/register",
    }  # fmt: skip
    if release.connections:
        told["RemoteControlDashboardUrl"] = "https://app.duplicati.com/app/machines"
    told |= {"StartedBy": "Server", "DefaultUpdateChannel": "Stable", "DefaultUsageReportLevel": "Disabled", "ServerTime": now}
    if release.server_zone:
        told["ServerTimeZone"] = "Etc/UTC" if world.zone == "UTC" else world.zone
    told |= {
        "OSType": "Linux", "OSVersion": "Debian GNU/Linux 12 (bookworm)", "DirectorySeparator": "/", "PathSeparator": ":",
        "CaseSensitiveFilesystem": True, "MachineName": "vm", "PackageTypeId": "", "UserName": "root", "NewLine": "\n",
        "CLRVersion": "10.0.12",
    }  # fmt: skip
    lists = ["Options", "CompressionModules", "EncryptionModules", "BackendModules", "GenericModules", "WebModules", "ConnectionModules"]
    lists += ["SourceProviderModules", "RestoreDestinationProviderModules"] if release.connections else []
    told |= {name: [] for name in (*lists, "ServerModules", "SecretProviderModules")}
    locale = {"Code": "", "EnglishName": "Invariant Language (Invariant Country)", "DisplayName": "Invariant Language (Invariant Country)"}
    told |= {
        "UsingAlternateUpdateURLs": False,
        "LogLevels": [],
        "SpecialFolders": [],
        "BrowserLocale": locale,
        "SupportedLocales": [],
        "BrowserLocaleSupported": False,
    }
    if not release.old_line:
        told |= {name: [] for name in ("TimeZones", "APIExtensions", "APIScopes")}
        told["DefaultOAuthURL"] = "https://duplicati-oauth-handler.appspot.com/refresh"
        told["DefaultOAuthURLv2"] = "https://oauth-service.duplicati.com/refresh"
    if release.connections:
        told |= {"PowerModeProviders": [], "LocalLicenseStatus": {}, "RemoteLicenseStatus": {}}
    return told
