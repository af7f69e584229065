"""Sign-in and the reader: the only user of msgraph-sdk and azure-identity."""
