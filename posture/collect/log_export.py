"""Where identity logs are sent: Azure Resource Manager, with a token of its own, only when asked for."""

from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.snapshot.types import Rows


@gatherer(
    "GET arm /providers/microsoft.aadiam/diagnosticSettings",
    permission="Azure role Reader at /providers/Microsoft.aadiam",
    page="https://learn.microsoft.com/azure/templates/microsoft.aadiam/2017-04-01/diagnosticsettings",
    clouds=("global",),
    optional=True,
    cost="one request to Azure Resource Manager with a token of its own; applications are said to be refused",
)
async def log_export(graph: Source) -> Rows:
    """Read the diagnostic settings of the directory: which logs go where.

    This is not Microsoft Graph. Which Azure role suffices is not documented,
    and a Terraform provider's page says that applications are refused.
    """
    return await graph.from_arm("/providers/microsoft.aadiam/diagnosticSettings", "2017-04-01")
