"""The write_back tables of the connectors' file."""

from __future__ import annotations

import pytest

from serving.settings import SettingsError
from serving.write_back.configuration import Names, parse_write_backs, read_write_backs
from tests.serving.write_back.scene import ENVIRONMENT, FAKES, target_of

HUBSPOT = '[hubspot.write_back]\nid_property = "email"\ntoken = "env:CRM_TOKEN"\n'


def parsed(text, environment=ENVIRONMENT):
    return parse_write_backs(text, "c.toml", environment)


def mistakes(text):
    with pytest.raises(SettingsError) as caught:
        parsed(text)
    return [str(mistake).removeprefix("c.toml: ") for mistake in caught.value.mistakes]


def test_defaults():
    """What a HubSpot portal has to be asked for is its token and what it knows our leads by."""
    (told,) = parsed(HUBSPOT)
    assert (told.connector, told.base_url) == ("hubspot", "https://api.hubapi.com")
    assert (told.id, told.id_property, told.token) == ("lead_id", "email", "secret-token")
    assert (told.names, told.override, told.deadband) == (Names(), "rung_override", 0.05)


@pytest.mark.parametrize("connector", FAKES)
def test_each_crm(connector):
    """Each CRM can be configured, its names, its deadband and what it knows leads by."""
    more = 'id = "crm_id"\ndeadband = 0.1\noverride = "hands_off"\n'
    more += f'[{connector}.write_back.properties]\nband = "score_band"\n'
    told = target_of(connector, "http://127.0.0.1:1", more)
    assert (told.id, told.deadband, told.override) == ("crm_id", 0.1, "hands_off")
    assert told.names.band == "score_band"
    assert told.names.probability.startswith("rung_probability")


def test_salesforce_names():
    """The names of custom fields of Salesforce end as it wants them to."""
    told = target_of("salesforce", "http://localhost")
    assert (told.names.next_step, told.override) == ("rung_next_step__c", "rung_override__c")


def test_secrets_are_not_shown():
    """The secrets of a configuration are not in its text."""
    for connector in FAKES:
        assert "token'" not in repr(target_of(connector, "http://localhost"))
        assert "secret-token" not in repr(target_of(connector, "http://localhost"))


def test_mautic_with_a_password():
    """Mautic takes a user and a password in place of a token."""
    (told,) = parsed(
        '[mautic.write_back]\nbase_url = "https://m.example.com/"\n'
        'user = "rung"\npassword = "env:CRM_TOKEN"\n'
    )
    assert (told.user, told.password, told.token) == ("rung", "secret-token", "")
    assert (told.base_url, told.id_property) == ("https://m.example.com", "id")


def test_other_tables_are_left_alone():
    """What comes in from a CRM is not looked at here; without a table nobody is told."""
    assert parsed('[hubspot]\nsecret = "x"\nunheard_of = 1\n[stripe]\nsecret = "y"\n') == ()


def test_all_mistakes_at_once():
    """Every mistake is told, at its path and in the order of the file."""
    found = mistakes(
        '[hubspto.write_back]\ntoken = "x"\n'
        '[hubspot.write_back]\ntoken = "env:NOT_SET"\ndeadbnad = 0.1\n'
        'override = "rung_band"\nid_property = "drop table"\n'
        '[salesforce.write_back]\nbase_url = "http://example.com"\ntoken = "x"\n'
        'id_property = "Id"\ndeadband = 2\nversion = "62"\n'
        'properties = {band = "a__c", reason = "a__c", other = "b"}\n'
    )
    assert found == [
        "hubspto.write_back: no such CRM; did you mean 'hubspot'?"
        " (one of customerio, dynamics, hubspot, mautic, salesforce)",
        "hubspot.write_back.token: the variable 'NOT_SET' is not set (it holds the secret)",
        "hubspot.write_back.deadbnad: is not a key; did you mean 'deadband'?",
        "hubspot.write_back.override: 'rung_band' is written by us (name another one)",
        "hubspot.write_back.id_property: 'drop table' is no name of a property",
        "salesforce.write_back.base_url: must begin with https:// (http:// is for hosts next door)",
        "salesforce.write_back.id_property: cannot be the record id (name a field marked External"
        " ID)",
        "salesforce.write_back.deadband: must be above 0, and at most 1",
        "salesforce.write_back.version: '62' is no version (write v62.0)",
        "salesforce.write_back.properties: names one property twice",
        "salesforce.write_back.properties.other: is not a key",
    ]


@pytest.mark.parametrize(
    "url",
    ["http://crm.example.com", "ftp://crm", "https://", "https://a@b.c", "https://b.c?d", "x"],
)
def test_addresses_that_secrets_must_not_go_to(url):
    """Secrets go over https, or to a host next door, and nowhere else."""
    assert "must begin with https://" in mistakes(f'{HUBSPOT}base_url = "{url}"')[0]


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://mautic", "http://[::1]", "https://b.c/m"]
)
def test_addresses_that_will_do(url):
    """A path may follow, and hosts next door need no https."""
    assert parsed(f'{HUBSPOT}base_url = "{url}/"')[0].base_url == url


def test_missing():
    """What is missing is asked for."""
    found = mistakes("[hubspot.write_back]\n")
    assert found == [
        "hubspot.write_back.id_property: is missing",
        "hubspot.write_back.token: is missing",
    ]


def test_file(tmp_path):
    """A file is read; one that is absent, or is no TOML, is refused by its name."""
    path = tmp_path / "c.toml"
    with pytest.raises(SettingsError, match=r"c\.toml: cannot be read: No such file or directory"):
        read_write_backs(path, ENVIRONMENT)
    path.write_text("[hubspot")
    with pytest.raises(SettingsError, match=r"c\.toml: line 1: is not TOML"):
        read_write_backs(path, ENVIRONMENT)
    path.write_text(HUBSPOT)
    assert [one.connector for one in read_write_backs(path, ENVIRONMENT)] == ["hubspot"]


@pytest.mark.parametrize(
    "text", ["[hubspot]\nwrite_back = 3\n", "[mautic.write_back]\nproperties=1\n"]
)
def test_no_table(text):
    """A value where a table should be is a mistake."""
    assert any("must be a table" in mistake for mistake in mistakes(text))
