"""The connectors' file: what it switches on, and all its mistakes at once."""

from dataclasses import replace
from pathlib import Path

import pytest

from features.ladder.file import read_ladder
from features.ladder.source import Source
from serving.connectors.configuration import VENDORS, Connectors, read_connectors
from serving.connectors.errors import UnknownConnector
from serving.settings import SettingsError
from tests.serving.connectors.vendors import SAMPLES

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {"STRIPE_SECRET": "whsec_1", "EMPTY": ""}


@pytest.fixture
def read(tmp_path):
    """Reads a text as if it stood in a file."""

    def read(text, environment=ENVIRONMENT):
        path = tmp_path / "connectors.toml"
        path.write_text(text)
        return read_connectors(path, environment)

    return read


def test_no_file():
    """Without a file all vendors are off, and each says how to switch it on."""
    connectors = read_connectors(None, {})
    for name in VENDORS:
        with pytest.raises(UnknownConnector, match=rf"{name}' is off; .*write \[{name}\]"):
            connectors.named(name, read_ladder("b2b"))


def test_options(read):
    """Every key is read; events are those of the vendor, but for those that are named."""
    connectors = read(
        """
        [stripe]
        secret = "env:STRIPE_SECRET"
        tolerance_seconds = 60
        identify_by = "email"
        id_path = "data.object.metadata.lead"
        ignore_domains = ["Example.com"]
        [stripe.events]
        "invoice.paid" = "contract_renewed"
        [hubspot]
        secret = "plain"
        public_url = "https://rung.example.com"
        id_property = "rung_id"
        values_of = []
        """
    )
    connector, stripe = connectors.named("stripe", read_ladder("b2b"))
    assert connector is VENDORS["stripe"]
    assert (stripe.secret, stripe.tolerance_seconds, stripe.identify_by) == ("whsec_1", 60, "email")
    assert stripe.id_path == ("data", "object", "metadata", "lead")
    assert stripe.ignore_domains == ("example.com",)
    assert stripe.events["invoice.paid"] == "contract_renewed"
    assert stripe.events["charge.refunded"] == "payment_refunded"
    hubspot = connectors.options["hubspot"]
    assert (hubspot.secret, hubspot.id_property, hubspot.values_of) == ("plain", "rung_id", ())
    assert hubspot.public_url == "https://rung.example.com"


def test_usual_options(read):
    """A secret is enough."""
    hubspot = read('[hubspot]\nsecret = "a"').options["hubspot"]
    assert (hubspot.tolerance_seconds, hubspot.identify_by, hubspot.id_path) == (300.0, "id", ())
    assert "lifecyclestage" in hubspot.values_of


def test_secret_is_not_shown(read):
    """Whoever prints the connectors sees no secret."""
    assert "whsec_1" not in repr(read('[stripe]\nsecret = "env:STRIPE_SECRET"'))


def test_no_secret(read):
    """A table without a secret switches nothing on."""
    assert read("[zoom]\ntolerance_seconds = 5").options == {}


def test_write_back(read):
    """What is told to a CRM is no mistake here, and switches nothing on."""
    assert read("[salesforce.write_back]\na = 1\n[mautic.write_back]\na = 1").options == {}


def test_mistakes(read):
    """All mistakes are reported, in file order."""
    with pytest.raises(SettingsError) as caught:
        read(
            """
            [zoom]
            secret = "env:UNSET"
            tolerance_seconds = 0
            public_url = "https://rung.example.com"
            [strpe]
            secret = "a"
            [calendly]
            secret = ""
            identify_by = "name"
            id_path = "a..b"
            ignore_domains = ["me@example.com"]
            [calendly.events]
            invitee.created = "booked"
            [hubspot]
            public_url = "rung.example.com"
            """
        )
    found = [str(mistake).partition("connectors.toml: ")[2] for mistake in caught.value.mistakes]
    wanted = [
        "zoom.secret: the variable 'UNSET' is not set (it holds the secret)",
        "zoom.tolerance_seconds: must be above 0 and at most 86400",
        "zoom.public_url: is not a key",
        "strpe: is not a key; did you mean 'stripe'?",
        "calendly.secret: is empty",
        "calendly.identify_by: cannot be 'name' (one of id, email)",
        "calendly.id_path: is no path (as payload.tracking.utm_content or items[0].id)",
        "calendly.ignore_domains: names no domain (as example.com)",
        "calendly.events.invitee: must be a text (a name with dots stands in quotes)",
        "hubspot.public_url: is no scheme and host (as https://rung.example.com)",
    ]
    assert found == wanted


def test_no_toml(read):
    """A file that is no TOML is refused with its line."""
    with pytest.raises(SettingsError, match=r"connectors\.toml: line 1: is not TOML"):
        read("[stripe")


def test_absent_file(tmp_path):
    """A file that is not there is refused."""
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read: No such file"):
        read_connectors(tmp_path / "none.toml", {})


def test_sources():
    """A source of the ladder is on once its secret is set; one without a signature always."""
    sources = (
        Source("forms", "hmac-sha256-hex", secret="env:FORMS", header="X"),  # noqa: S106 a name
        Source("open", "none"),
    )
    ladder = replace(read_ladder("b2b"), sources=sources)
    with pytest.raises(UnknownConnector, match="set the variable FORMS"):
        Connectors().named("forms", ladder)
    connector, options = Connectors({}, {"FORMS": "s"}).named("forms", ladder)
    assert (connector.name, options.secret, connector.is_signed) == ("forms", "s", True)
    assert not Connectors().named("open", ladder)[0].is_signed


def test_sources_of_the_settings():
    """The sources of the settings' ladder count, whatever ladder the model was trained for."""
    mine = replace(read_ladder("b2b"), sources=(Source("open", "none"),))
    connectors = read_connectors(None, {}, mine)
    assert connectors.named("open", read_ladder("b2c"))[0].name == "open"


def test_unknown_connector():
    """A name that is none gets a hint, and a list of those there are."""
    with pytest.raises(UnknownConnector, match=r"'strip'; did you mean 'stripe'\?.*calendly"):
        Connectors().named("strip", read_ladder("b2b"))


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendor_is_whole(name):
    """Each vendor has a payload that hostile tests vary, tests of its own, a place in docs."""
    page = (HERE.parents[2] / "docs" / "connectors.md").read_text()
    assert name in SAMPLES
    assert (HERE / f"test_{name}.py").exists()
    assert page.count(f"| `{name}` |") == 3  # its signature, its events, whom they are about
