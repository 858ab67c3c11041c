"""All scenes of the kill table, in its order."""
from directory_scenes import DirectoryByLdap, DirectoryByTool
from gauss_scenes import GaussBack, GaussCluster, GaussLite, GaussLiteBack, GaussLocal
from redis_scenes import ActiveActive, ReplicaOf, SharedActiveActive

SCENES = (ActiveActive, SharedActiveActive, ReplicaOf, GaussCluster, GaussLocal, GaussLite, GaussBack, GaussLiteBack,
          DirectoryByLdap, DirectoryByTool)
