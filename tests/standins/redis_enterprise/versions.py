"""What differs between the product's versions: one file each in versions/, named after it.

    software_version                  as GET /v1/nodes tells it
    names                             the certificates that can be replaced
    put_certificates                  PUT /v1/cluster/certificates is there (since 7.22.2)
    old_worker_ms                     how long old proxy workers go on showing the old certificate (until 7.8.6-36)
    syncer_restarts_connections       a new syncer certificate restarts proxy and syncers (before 6.0.20-81)
    v2_actions                        GET /v2/actions is there (since 7.22.0)
    health                            GET /v4/cluster/health is there (since 8.0.16)
    certificate_login_at_leader_only  with certificate logins, other nodes do not answer (RS162972, until 7.22.2)
    expired_blocks_crdb               no update of a CRDB whose certificates have expired (RS125934, until 7.8.2-34)
    basic_can_be_off                  control_plane_basic_authentication may be false (since 8.2)
    error_text                        the name under which an error's text is sent
    common_names_required             a chain in which a certificate has no CN is refused
    client_usage_required             a certificate without clientAuth is refused when it is uploaded
    root_required                     a chain that does not end in a root is refused when it is uploaded
    source_certificate_required       a TLS source of Replica Of needs a server_cert (since 7.2.4-64)
    database_certificates             a database may have a certificate of its own (since 8.0)
    internode_corrupts                ccs_internode_encryption together with others spoils the pair (until 8.0.20-68)

The release notes at rs/release-notes/ say since when; a site description may set any of them otherwise."""
import json
import pathlib

DIRECTORY = pathlib.Path(__file__).with_name("versions")


class Version:
    """One attribute for each entry of the file."""

    def __init__(self, software_version, **otherwise):
        facts = json.loads((DIRECTORY / f"{software_version}.json").read_text())
        unknown = set(otherwise) - set(facts)
        if unknown:
            raise ValueError(f"no version has {', '.join(sorted(unknown))}")
        self.__dict__.update(facts, **otherwise)


def known():
    return sorted(path.stem for path in DIRECTORY.glob("*.json"))
