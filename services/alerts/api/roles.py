"""Who may call which routes of alerts."""

from __future__ import annotations

from typing import Annotated

from shared.access import Caller, Role
from shared.runtime.auth import allow

Reader = Annotated[Caller, allow(Role.ENTERPRISE, Role.OFFICER, Role.OPS)]
ByEnterprise = Annotated[Caller, allow(Role.ENTERPRISE)]
ByOfficer = Annotated[Caller, allow(Role.OFFICER)]
OfficeReader = Annotated[Caller, allow(Role.OFFICER, Role.OPS)]
Owning = Annotated[Caller, allow(Role.ENTERPRISE, Role.OFFICER, Role.OPS)]
ByAdmin = Annotated[Caller, allow()]
Supervising = Annotated[Caller, allow(Role.OFFICER, Role.OPS)]
