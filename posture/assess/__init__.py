"""Judge a snapshot: findings, score, accepted risks."""
