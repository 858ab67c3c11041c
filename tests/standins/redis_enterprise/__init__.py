"""A stand-in for Redis Enterprise (Redis Software), with real redis-server processes behind it.

main.py says how it is started, faults.py in which ways it can be told to fail, CASES.md which sentence of
the product's documentation each behaviour plays. The documentation is that at
https://redis.io/docs/latest/operate/rs/, called `rs/` here.

    listener.py, http1.py          sockets, TLS, HTTP
    pem.py, upload.py              certificates, and what the product says of an upload
    redis_server.py, endpoint.py   a database's server, and the proxy in front of it on each node
    replica_of.py, crdb.py         the two kinds of replication
    node.py, cluster.py, site.py   a node, a cluster of them, all clusters
    access.py, rest*.py            who may do what, and the REST API
    rladmin.py, crdb_cli.py        the command-line tools, each a program of its own
"""
