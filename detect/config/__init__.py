"""Recipes: what a training is told, checked; one file a kind of network."""

from detect.config.kinds import AnyRecipe as AnyRecipe
from detect.config.kinds import load_any_recipe as load_any_recipe
from detect.config.members import member_recipes as member_recipes
from detect.config.multibox import MultiBoxRecipe as MultiBoxRecipe
from detect.config.pretrain import PretrainRecipe as PretrainRecipe
from detect.config.recipes import load_recipe as load_recipe
from detect.config.recipes import to_toml as to_toml
from detect.config.region_classifier import RegionClassifierRecipe as RegionClassifierRecipe
from detect.config.sections import AugmentSection as AugmentSection
from detect.config.sections import CropAugmentSection as CropAugmentSection
from detect.config.sections import OptimizerSection as OptimizerSection
from detect.config.sections import RunSection as RunSection
from detect.config.sections import Section as Section
from detect.config.shared import SharedRecipe as SharedRecipe
