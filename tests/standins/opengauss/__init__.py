"""openGauss for tests: the tools gs_om, gs_guc and gs_ctl, and servers that treat certificates as openGauss does.

Each "node" is a directory and a loopback port; behind each port a front with openGauss's way of making TLS sessions
(server.py, tls.py) passes clients on to a real PostgreSQL 15. tests/e2e/opengauss.py installs a cluster (this package
is copied into it, so that the cluster's user can read it), starts it and stops it:

    cluster = OpenGauss(scratch, CertificateSet(authority, "db.example.com"), nodes=3).start()
    cluster.run("gs_om", "-t", "cert", f"--cert-file={cluster.package(other.zip())}")
    cluster.order("copy:node2:server.key", "fail");  cluster.set(refusal="close");  cluster.served()

What it plays, and which public text says so. "Replacing" is the page Replacing Certificates of the openGauss
documentation (DatabaseAdministrationGuide/replacing-certificates.md), "gs_om", "gs_guc" and "gs_ctl" are the tools'
reference pages (ToolandCommandReference); OM is the tools' source (github.com/opengauss-mirror/openGauss-OM), SRV
the server's (github.com/opengauss-mirror/openGauss-server).

    case                                            said by
    ----------------------------------------------  -----------------------------------------------------------------
    nine names, sslcrl-file.crl besides             Replacing, step 2, "Package file list"
    only their presence is looked at: garbage       OM script/impl/om/OmImpl.py, doReplaceSSLCert: isfile() is all
      installs with exit 0
    remotely by default, locally with -L            Replacing, step 4, note: "remotely invoke", "locally invoke"
    a blank after --cert-file= is an error          Replacing, step 3, as printed; OM ParameterParsecheck.py
    files land one after another, 0600; nothing     OM OmImpl.py, distributeDNCert
      is undone on failure, certFlag stays
    certFlag anywhere: no new backup                OM OmImpl.py, doDNBackup
    backups 0600, with -L as the umask says         OM OmImpl.py, doDNBackup: chmod in one branch only
    openssl.cnf, client.key.pk8 vanish from         OM OmImpl.py, distribute_cert: each listed name is removed first
      share/sslcert/om unless packed
    no CRL packed: the old one is deleted           OM OmImpl.py, distributeDNCert
    rolled back "to the latest version"             Replacing, step 4, note; OM doDNSSLCertRollback: it is not used up
    --rollback without a backup on some node        OM doDNSSLCertRollback: GAUSS-50201 before anything is touched
    --rollback -L without a backup deletes, exit 0  OM doDNSSLCertRollback, local_rollback_cert
    one fixed directory for unpacking               OM doReplaceSSLCert: tempCertDir below PGHOST
    not as root; profile sourced; GAUSS_ENV 2       OM script/gs_om, checkParameter; gspylib/common/Common.py checkUser
    restart for a certificate to count              Replacing, step 4
    stop, start: GAUSS-53606, 53600, 51607          OM script/impl/om/OLAP/OmImplOLAP.py
    with CM a failed stop or start exits 0          OM script/gspylib/component/CM/CM_OLAP/CM_OLAP.py
    status exits 0 for a dead database              gs_om, "status"; OM gspylib/common/DbClusterInfo.py, queryClsInfo
    gs_guc encrypt: 8 to 15 bytes, three kinds      gs_guc, "-K"; SRV src/bin/gs_guc/pg_guc.cpp
      exit 0 though nothing could be written        SRV src/common/port/cipher.cpp: gen_cipher_rand_files gives nothing
    cipher and rand files                           SRV src/include/cipher.h, src/common/port/cipher.cpp
    certificate files read anew by each session     SRV src/common/backend/libpq/be-secure.cpp, secure_open_server
    passphrase kept from the first use on           SRV src/common/port/cipher.cpp, ReadKeyContentFromFile
    modes of key, certificate and CA                SRV be-secure.cpp: "group or world access"
    no TLS parameter changes without a restart      SRV src/common/backend/utils/misc/guc/guc_security.cpp
    postmaster.pid: the third line is when the      SRV src/include/miscadmin.h, LOCK_FILE_LINE_START_TIME
      server was started
    E instead of S while starting or too busy       SRV src/gausskernel/process/postmaster/postmaster.cpp,
                                                      ProcessStartupPacket
    a bad CRL is ignored, a revoked client is not   SRV be-secure.cpp, verify callback

Not played: replication between the nodes, DSS, the national-cipher build, the ten seconds between three pscp tries.

Points for orders (see standins/stage.py):

    backup:NODE  ssh:NODE  copy:NODE:FILE  chmod:NODE:FILE  guc:NODE  copy:om:FILE  chmod:om:FILE (cm, dss)
    unpack:NODE  stop:NODE  start:NODE  status  reload:NODE  encrypt

Settings, with what holds without them:

    refusal        "error": what a refused client gets after the S is an error message; "close": nothing
    reads          "session"; "start": the set loaded at the start is kept, as PostgreSQL does
    start-seconds  0: for how long a server is starting
    answers        {}: node to error text, given instead of S
    cluster-state  the true one: what status says instead
    copy-seconds   0: how long a file is missing before the new one is there; by ssh it is a good part of a second
    normal-within  30: for how many seconds gs_om start waits for Normal
"""
