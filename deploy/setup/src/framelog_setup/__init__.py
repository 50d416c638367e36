"""Creates the topics and registers the schemas that the services rely on."""

from framelog_setup.errors import SetupError
from framelog_setup.run import set_up
from framelog_setup.settings import Settings, from_environment

__all__ = ["Settings", "SetupError", "from_environment", "set_up"]
