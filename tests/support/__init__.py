"""What several tests share: PostgreSQL itself, our servers as processes, a raw protocol client, certificates."""
