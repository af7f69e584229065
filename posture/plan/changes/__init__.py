"""From a finding to what changes it here: one file per area, one function per control."""
