"""A local Graph: serves a sample tenant or recorded evidence the way Microsoft documents it.

`tenant.find_sample` and `tenant.load_tenant` open a folder, `app.create_app`
makes the ASGI app, `serve.serve` puts it on loopback.
"""
