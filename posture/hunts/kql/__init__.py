"""The KQL pack: every hunt again as a query for Log Analytics and Sentinel, with this tenant's own values in it."""
