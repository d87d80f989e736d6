from .base import ConceptDataset as ConceptDataset
from .base import check_dataset as check_dataset
from .base import sample as sample
from .broden import BrodenDataset as BrodenDataset
from .folder import FolderDataset as FolderDataset
from .opening import open_dataset as open_dataset
from .scenes import Scenes as Scenes
