"""How the migrations of a portal run; the portal's own tables and ours are in one `MetaData`."""

from alembic import context

# A portal imports its metadata and makes an engine here; the tests hand both in.
settings = context.config.attributes

with settings["engine"].connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=settings["metadata"],
        include_schemas=settings["include_schemas"],
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
