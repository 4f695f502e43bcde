"""The bridge: how what is written in the forum travels by e-mail, both ways."""
