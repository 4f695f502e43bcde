"""The web door of the forum: pages, the JSON API, health."""
