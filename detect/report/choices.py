"""Where this project departs from the paper, and what it chose where the paper is silent.

The second table stands in docs/paper.md too; the sources stand in the docstrings of the modules.
"""

# What the paper did (arXiv 1409.4842), what is done here.
DEPARTURES = (
    (
        "200 classes of ILSVRC14 DET, networks pre-trained on ILSVRC12 (section 8)",
        "the user's own data; recipes for small machines start from random weights, unless --init "
        "names a network of detect pretrain or ImageNet's",
    ),
    (
        "crops of 224 px (section 5)",
        "64 to 96 px in the recipes for small machines; 224 px is the default of a recipe",
    ),
    (
        "local response normalisation, 5x5 branches, biases (section 5; the public Caffe model)",
        'the same with variant = "paper"; "bn" (the default) has batch normalisation, '
        '"torchvision" that and 3x3 branches',
    ),
    (
        "asynchronous SGD on many machines, learning rate down 4 % every 8 epochs (section 6)",
        "synchronous training; SGD with that schedule, or AdamW and cosine where a recipe says so",
    ),
    (
        "Polyak averaging for the final model (section 6)",
        "an exponential moving average with a ramped decay",
    ),
    (
        "no bounding box regression, for lack of time (section 8)",
        "none, unless a recipe's [regression] trains networks to move boxes; detect "
        "train-regression and detect refine tell what R-CNN's would bring",
    ),
    (
        "200 MultiBox boxes (section 8), from a fully connected head with a slot a prior (arXiv "
        "1412.1441)",
        'the same with head = "fc"; recipes for small sets have a convolutional one, head = '
        '"conv", which few images are enough for',
    ),
    (
        "six networks averaged; how they differ is not published (section 8)",
        "as many as --model names; those of train-classifier --ensemble differ by what the "
        "recipe says",
    ),
)

# What the paper leaves open, the choice, and where the choice is from.
CHOICES = (
    (
        "crop of a region",
        "warped to a square with 16 px of context at 224 px, scaled for other sizes; mean colour "
        "outside the image",
        "R-CNN, arXiv 1311.2524, appendix A",
    ),
    (
        "foreground and background",
        "IoU 0.5 or more with an object, and below 0.5; 32 and 96 in a batch of 128",
        "R-CNN, section 2.3",
    ),
    (
        "Selective Search",
        "HSV and Lab, two similarity measures, k 50 and 100 (R-CNN) or 100 and 200 (doubled), "
        "image at width 500 px, boxes from 10 px, an order drawn from a seed",
        "R-CNN's code; the order and the smallest side are ours",
    ),
    (
        "joining Selective Search and MultiBox",
        "all of the first, then of the second those that none before overlaps above IoU 0.95",
        "ours",
    ),
    (
        "scores of several networks",
        "softmax, averaged with equal weights; no support vector machine",
        "section 7 for classification; ours for detection",
    ),
    (
        "non-maximum suppression",
        "greedy, within a class, IoU 0.3; 100 detections of a class in an image, from score 0.01",
        "R-CNN's code; the smallest score is ours",
    ),
    ("auxiliary classifiers at inputs other than 224 px", "adaptive pooling to 4x4", "ours"),
    ("learning rates, weight decay, number of steps", "in each recipe", "ours"),
    (
        "an epoch of the schedule",
        "as many steps as show every positive region once on average",
        "ours",
    ),
    (
        "photometric distortions",
        "brightness, contrast, saturation in random order",
        "Howard, arXiv 1312.5402, which the paper cites",
    ),
    (
        "MultiBox",
        "GoogLeNet's trunk, priors clustered on the training set, views of the image",
        "arXiv 1312.2249 and 1412.1441; of the small recipes head `conv`, its shapes, its loss "
        "and its views are ours",
    ),
)
