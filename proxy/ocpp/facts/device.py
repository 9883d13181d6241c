"""Facts about the device: configuration, reports, monitoring, firmware, logs, certificates, security.

What the CSMS asked for (`...Requested`, `...Set`) is told when the charge point has answered: `status` is its answer,
"" when the standard gives none (1.6 UpdateFirmware, GetDiagnostics). No value here holds a secret.
"""

from __future__ import annotations

from proxy.ocpp.facts.base import UNTOLD, Fact, Moment


class ConfigurationTold(Fact, frozen=True, gc=False):
    """The charge point said the value of one configuration key or variable.

    `key`: 1.6 the key; 2.x "Component.Variable", with instances in brackets and the EVSE and connector in front of the
    component's dot: "Component[instance]#evse.connector.Variable[instance]"; an attribute type other than Actual
    follows as ":Target". `value` None: it has none, or would not say. `component`, `variable`: 2.x, names only.
    `source`: the action that told it.
    """

    key: str = ""
    value: str | None = None
    mutability: str = ""
    source: str = ""
    component: str = ""
    variable: str = ""


class ConfigurationUnknown(Fact, frozen=True, gc=False):
    """The charge point does not know this key (1.6 unknownKey; 2.x UnknownComponent, UnknownVariable)."""

    key: str = ""
    source: str = ""


class ConfigurationChanged(Fact, frozen=True, gc=False):
    """The CSMS set a key (1.6 ChangeConfiguration, 2.x one entry of SetVariables); `status` says whether it is in
    force: Accepted, RebootRequired, Rejected, NotSupported, ... `key`: as in ConfigurationTold."""

    key: str = ""
    value: str = ""
    status: str = ""
    source: str = ""
    component: str = ""
    variable: str = ""


class NetworkProfileSet(Fact, frozen=True, gc=False):
    """SetNetworkProfile was answered (2.x B09): where the charge point will connect to."""

    slot: int | None = None
    url: str = ""
    security_profile: int | None = None
    interface: str = ""
    version: str = ""
    status: str = ""


class ReportRequested(Fact, frozen=True, gc=False):
    """GetBaseReport, GetReport, GetMonitoringReport, GetChargingProfiles, GetDisplayMessages, GetDERControl or
    CustomerInformation was answered: if `status` is Accepted, parts with `request_id` follow. `what`: FullInventory ...
    """

    action: str = ""
    request_id: int | None = None
    what: str = ""
    status: str = ""


class ReportPartReceived(Fact, frozen=True, gc=False):
    """One part of a report came: NotifyReport, NotifyEvent, NotifyMonitoringReport, ReportChargingProfiles, ...

    `seq_no` None: that action has none. `entries`: how many things it tells. `more`: another part follows (tbc)."""

    action: str = ""
    request_id: int | None = None
    seq_no: int | None = None
    more: bool = False
    entries: int = 0
    told: Moment = UNTOLD


class ReportCompleted(Fact, frozen=True, gc=False):
    """The last part of a report is here. `missing`: the seqNo that did not come, 16 at most. See `ocpp/reports.py`."""

    action: str = ""
    request_id: int | None = None
    parts: int = 0
    entries: int = 0
    missing: tuple[int, ...] = ()


class MonitorsSet(Fact, frozen=True, gc=False):
    """SetVariableMonitoring was answered (2.x N04). `statuses`: one per monitor, in order."""

    keys: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()


class MonitorsCleared(Fact, frozen=True, gc=False):
    """ClearVariableMonitoring was answered (2.x N06)."""

    ids: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()


class MonitoringLevelSet(Fact, frozen=True, gc=False):
    """SetMonitoringBase (N03; `base`: All, FactoryDefault, HardWiredOnly) or SetMonitoringLevel (N05; `severity`) was
    answered."""

    base: str = ""
    severity: int | None = None
    status: str = ""


class FirmwareUpdateRequested(Fact, frozen=True, gc=False):
    """UpdateFirmware or SignedUpdateFirmware was answered. `location` without its password. `signed`: certified."""

    location: str = ""
    request_id: int | None = None
    retrieve_at: Moment = UNTOLD
    install_at: Moment = UNTOLD
    signed: bool = False
    status: str = ""


class FirmwareProgress(Fact, frozen=True, gc=False):
    """FirmwareStatusNotification, SignedFirmwareStatusNotification: how far an update is, in the standard's word."""

    status: str = ""
    request_id: int | None = None


class FirmwarePublishRequested(Fact, frozen=True, gc=False):
    """PublishFirmware or UnpublishFirmware was answered by a local controller (2.x L03, L04)."""

    action: str = ""
    location: str = ""
    checksum: str = ""
    request_id: int | None = None
    status: str = ""


class FirmwarePublishProgress(Fact, frozen=True, gc=False):
    """PublishFirmwareStatusNotification (2.x L03)."""

    status: str = ""
    request_id: int | None = None
    locations: tuple[str, ...] = ()


class LogUploadRequested(Fact, frozen=True, gc=False):
    """GetDiagnostics or GetLog was answered. `kind`: Diagnostics (1.6), DiagnosticsLog, SecurityLog, ..."""

    kind: str = ""
    location: str = ""
    request_id: int | None = None
    file_name: str = ""
    status: str = ""


class LogUploadProgress(Fact, frozen=True, gc=False):
    """DiagnosticsStatusNotification or LogStatusNotification."""

    status: str = ""
    request_id: int | None = None


class SecurityEvent(Fact, frozen=True, gc=False):
    """SecurityEventNotification. `kind`: the standard's list (2.1 appendix 1) or the vendor's own."""

    kind: str = ""
    info: str = ""
    told: Moment = UNTOLD


class CertificateInstalled(Fact, frozen=True, gc=False):
    """InstallCertificate was answered (a root certificate). `kind`: V2GRootCertificate, CSMSRootCertificate, ..."""

    kind: str = ""
    status: str = ""


class CertificateDeleted(Fact, frozen=True, gc=False):
    """DeleteCertificate was answered."""

    serial: str = ""
    status: str = ""


class CertificatesListed(Fact, frozen=True, gc=False):
    """GetInstalledCertificateIds was answered. `kinds`: one per certificate found."""

    kinds: tuple[str, ...] = ()
    status: str = ""


class CertificateSigningRequested(Fact, frozen=True, gc=False):
    """SignCertificate was answered: the charge point asks for a new certificate of its own."""

    kind: str = ""
    request_id: int | None = None
    status: str = ""


class CertificateSigned(Fact, frozen=True, gc=False):
    """CertificateSigned was answered: the CSMS sent the signed certificate."""

    kind: str = ""
    request_id: int | None = None
    status: str = ""


class CertificateStatusTold(Fact, frozen=True, gc=False):
    """GetCertificateStatus (OCSP) or GetCertificateChainStatus (2.1) was answered. `statuses`: one per certificate."""

    statuses: tuple[str, ...] = ()


class EvCertificateTold(Fact, frozen=True, gc=False):
    """Get15118EVCertificate was answered. `request`: Install or Update of a contract certificate (2.x M01, M02)."""

    request: str = ""
    status: str = ""
