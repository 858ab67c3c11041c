"""PingDirectory for tests: replace-certificate, and a topology of servers that trust one another's certificates.

Each server has an LDAP, an LDAPS and a replication port on loopback, a server root with real JKS key stores, and a
copy of the topology registry that is mirrored from a primary. The servers keep TLS connections with certificates on
both sides to one another, and accept there only what the registry holds: a certificate that a peer does not know, or
not any more, breaks the next connection, and with it the mirroring. tests/e2e/pingdirectory.py installs a topology
(this package is copied into it), starts it and stops it:

    topology = PingDirectory(scratch).start()
    topology.run("ds2", "replace-inter-server-certificate", *topology.source_arguments(store))
    topology.registered("ds2", at="ds3");  topology["ds2"].presented();  topology.lost();  topology.reset()

What it plays, and which public text says so. Pages are of docs.pingidentity.com, "Replacing" is
pd_ds_replace_inter_server_certificate (11.0), "listener" pd_ds_replace_listener_certificates, "CLI" the reference page
docs.ping.directory/PingDirectory/latest/cli/replace-certificate.html, SDK github.com/pingidentity/ldapsdk.

    case                                            said by
    ----------------------------------------------  -----------------------------------------------------------------
    key store, then ads-truststore, then registry   Replacing, "performs the following steps"
    RSA only, 2048 to 3072 bits                     Replacing, "The following types of certificates are not allowed"
    the new certificate is merged with the old      Replacing, "By default ... is merged with the existing values"
    purging drops all but the one in use            Replacing, purge-retired-inter-server-certificates
    arguments, subcommands                          Replacing, listener, CLI
    alias needed unless there is one private key    SDK KeyStoreFileReplaceCertificateKeyStoreContent
    key store types by their first byte             SDK util/CryptoHelper.inferKeyStoreType: JCEKS is none of them
    password files of exactly one line              SDK util/PasswordFileReader
    no trust argument: the terminal is asked        pd_ds_ldapsearch; end of input means no
    tools.properties, --noPropertiesFile            pd_ds_create_tools_props_file
    exit status is the LDAP result code             SDK unboundidds/tools; 89 for what is wrong with an argument
    extended operations .68 to .71, byte for byte   SDK unboundidds/extensions/*ReplaceCertificate*
    handler type replace-certificate, privilege     replace-certificate-extended-operation-handler (config guide);
      permit-replace-certificate-request              usingCertificates (devops): the privilege is not given by default
    registry entries, attributes, PEM in a string   SDK unboundidds/TopologyRegistryTrustManager
    ds-cfg-instance-name in cn=config: its own      config guide, Global Configuration: instance-name;
                                                      pd_ds_upgrade_servers_in_topology: unique, never changed
    anything but clean PEM blocks loses them all    the same class's parser
    peers poll the primary, digests are compared    pd_ds_topology_components: mirrored-subtree-peer-polling-interval
    no primary: the subtree cannot be written       the same page, force-as-master-for-mirrored-data
    master-instance-name in cn=monitor              pd_ds_topology monitor data; the vendor's container images ask
                                                      "cn=Mirrored subtree manager for base DN cn_Topology_cn_config"
    X.509 monitor entries                           SDK unboundidds/monitors/X509CertificateMonitorEntry
    replication presents the inter-server           pd_ds_repl_arch_authentication_authorization
      certificate and demands one from the client
    connections live on, new ones use the new       Replacing the inter-server certificate (8.0), fhg1564011422937
      certificate, which all peers trust already
    purged too early: peers lose trust              pd_ds_repair_broken_trust_replication

Not said in public, so chosen here, or a setting: result codes for a missing handler and privilege (53, 50), whether the
replication port takes a new certificate without a restart, whether the key is checked against the certificate (it is
not), the texts. Not played: dsconfig, REST, HTTPS, backups, --source-certificate-file, the interactive mode.

Points for orders (see standins/stage.py):

    store:NAME  registry:NAME  purge:NAME  reply:NAME (an extended operation is done, its answer never sent)

Settings, with what holds without them:

    primary                  the first instance's name; null: there is none
    polling-seconds          0.2: a number, or {NAME: number}; null: that server does not ask
    handler, handlers        {}: properties of the extended operation handler, for all, or {NAME: properties}: enabled,
                             allow-remotely-provided-certificates, allowed-operation
    no-handler-code          53: the result code without a handler
    replication-certificate  "handshake": read anew for each; "start": kept until a restart
    privileges-hidden        false: whether a user's entry shows ds-privilege-name
    monitor                  certificates as they are now; "stale": as at the start; "none": there are no entries of
                             certificates; "silent": a search below cn=monitor is never answered
    maximum-bits             3072
    require-secure-bind      false
    no-start-tls             false
"""
