"""The classes and functions of Keras 3.15 that an untrusted model may name.

What is on no list is refused: what takes a function of Python (Lambda, Map, Scan, Cond), what reads a path (TFSMLayer),
and what wraps other frameworks. A test compares every name with the installed Keras.
"""

from typing import NamedTuple


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYERS = _names("""
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
    AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
    BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
    ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D
    Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CutMix Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GRU
    GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing
    Hashing Identity InputLayer IntegerLookup LSTM LSTMCell Layer LayerNormalization LeakyReLU Masking
    MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram
    Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute Pipeline RMSNormalization RNN RandAugment
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
    RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective
    RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom
    ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D
    SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D
    SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization
    TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
""")

INITIALIZERS = _names("""
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform
    Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer TruncatedNormal
    VarianceScaling Zeros constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal
    lecun_uniform ones orthogonal random_normal random_uniform stft truncated_normal variance_scaling zeros
""")

REGULARIZERS = _names("L1 L1L2 L2 OrthogonalRegularizer l1 l1_l2 l2 orthogonal_regularizer")

CONSTRAINTS = _names("MaxNorm MinMaxNorm NonNeg UnitNorm max_norm min_max_norm non_neg unit_norm")

OPTIMIZERS = _names("""
    Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer MultiOptimizer Muon Nadam
    OptimizerMap RMSprop SGD ScheduleFreeAdamW
""")

TORCH_OPTIMIZERS = _names("Adadelta Adagrad Adam AdamW Adamax Lion Nadam RMSprop SGD")

SCHEDULES = _names("""
    CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay
""")

LOSSES = _names("""
    BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
    CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence
    LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
    SparseCategoricalCrossentropy SquaredHinge Tversky
""")

METRICS = _names("""
    AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
    CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge
    IoU KLDivergence LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanMetricWrapper
    MeanSquaredError MeanSquaredLogarithmicError OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson Precision
    PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity
    SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity
    SquaredHinge Sum TopKCategoricalAccuracy TrueNegatives TruePositives
""")

DTYPE_POLICIES = _names("""
    AWQDTypePolicy DTypePolicy DTypePolicyMap FloatDTypePolicy GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy
    QuantizedFloat8DTypePolicy
""")

QUANTIZERS = _names("""
    AWQConfig AbsMaxQuantizer Float8QuantizationConfig GPTQConfig Int4QuantizationConfig Int8QuantizationConfig
    QuantizationConfig
""")

ACTIVATION_FUNCTIONS = _names("""
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear
    log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus
    sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
""")

LOSS_FUNCTIONS = _names("""
    binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy
    categorical_generalized_cross_entropy categorical_hinge circle cosine_similarity ctc dice hinge huber
    kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error
    mean_squared_logarithmic_error poisson sparse_categorical_crossentropy squared_hinge tversky
""")

METRIC_FUNCTIONS = _names("""
    binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy categorical_crossentropy
    categorical_focal_crossentropy categorical_hinge concordance_correlation hinge huber kl_divergence log_cosh
    mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error
    pearson_correlation poisson sparse_categorical_accuracy sparse_categorical_crossentropy
    sparse_top_k_categorical_accuracy squared_hinge top_k_categorical_accuracy
""")

OPS_NUMPY = _names("""
    Rot90 Absolute Abs Fabs Add All AllClose Angle Any Amax Amin Append Arange Arccos Arccosh Arcsin Arcsinh Arctan
    Arctan2 Arctanh Argmax Argmin Argsort Array View Average Heaviside Bincount BitwiseAnd BitwiseInvert BitwiseNot
    BitwiseOr BitwiseXor BitwiseLeftShift LeftShift BitwiseRightShift RightShift BroadcastTo Cbrt Ceil Clip
    Concatenate Conjugate Conj Copy Cos Cosh CountNonzero Cross Cumprod Cumsum Deg2rad Rad2deg Diag Diagflat
    Diagonal Diff Digitize Dot Dstack Einsum EmptyLike Equal Exp Exp2 ExpandDims Expm1 Flip Fliplr Flipud Floor Full
    FullLike Gcd GetItem Geomspace Greater GreaterEqual Hstack Hsplit Hypot Imag I0 Isclose Isfinite IsIn Isinf
    Isnan Isneginf Isposinf Isreal Kron Lcm Ldexp Less LessEqual Linspace Log Log10 Log1p Log2 Logaddexp Logaddexp2
    LogicalAnd LogicalNot LogicalOr Logspace Matmul Max Maximum Fmax Median Meshgrid Min Minimum Fmin Mod Fmod
    Moveaxis Nanargmax Nanargmin Nancumsum Nancumprod Nanmax Nanmean Nanmedian Nanmin Nanpercentile Nanprod
    Nanquantile Nanstd Nansum Nanvar NanToNum Ndim Nonzero NotEqual OnesLike ZerosLike Outer Pad Percentile Prod Ptp
    Quantile Ravel UnravelIndex Real Reciprocal Repeat Reshape Roll Round SearchSorted Sign Signbit Sin Sinc Sinh
    Size Sort Split Stack Std Swapaxes Take TakeAlongAxis Tan Tanh Tensordot Tile Trace Tril Triu Trunc Vdot Inner
    Vstack Vsplit Where Subtract Multiply Divide DivideNoNan TrueDivide Power Negative Nextafter Square Sqrt Squeeze
    Transpose Trapezoid Mean Vander Var Sum FloorDivide LogicalXor Corrcoef Correlate Select Slogdet Argpartition
    Histogram ArraySplit Unique Dsplit
""")

OPS_NN = _names("""
    Relu Relu6 Sigmoid SparseSigmoid Softplus Softsign SoftShrink SparsePlus Silu Squareplus LogSigmoid LeakyRelu
    HardSigmoid HardSilu Elu Selu Gelu Celu Glu TanhShrink HardTanh HardShrink Threshold Softmax LogSoftmax
    Sparsemax MaxPool AdaptiveMaxPool AveragePool AdaptiveAveragePool Conv DepthwiseConv SeparableConv ConvTranspose
    OneHot BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy MultiHot Moments BatchNorm
    CTCLoss CTCDecode Normalize PSNR DotProductAttention RMSNorm LayerNorm Polar Unfold Fold DepthToSpace
    SpaceToDepth
""")

OPS_MATH = _names("""
    SegmentReduction SegmentSum SegmentMax SegmentMin SegmentProd TopK InTopK Logsumexp CDist ExtractSequences FFT
    FFT2 IFFT2 RFFT IRFFT STFT ISTFT Rsqrt Erf Erfc Erfinv Logdet ViewAsComplex ViewAsReal
""")

OPS_LINALG = _names("""
    Cholesky CholeskyInverse Det Eig Eigh Inv LuFactor Norm Qr Solve SolveTriangular SVD Lstsq MatrixRank Pinv
""")

OPS_IMAGE = _names("""
    RGBToGrayscale RGBToHSV HSVToRGB Resize AffineTransform ExtractPatches MapCoordinates PadImages CropImages
    PerspectiveTransform GaussianBlur ElasticTransform ScaleAndTranslate SobelEdges SSIM
""")

OPS_CORE = _names("""
    Scatter ScatterUpdate Slice SliceUpdate StopGradient Unstack Cast SaturateCast ConvertToTensor
""")

FUNCTIONAL_CLASSES = frozenset({"Functional", "Model", "Sequential"})

ALLOWED_CLASSES: dict[str, frozenset[str]] = {
    "keras": frozenset({"DTypePolicy", "FloatDTypePolicy", "Model", "Sequential"}),
    "keras.models": frozenset({"Model", "Sequential"}),
    "keras.src.models.functional": frozenset({"Functional"}),
    "keras.layers": LAYERS,
    "keras.initializers": INITIALIZERS,
    "keras.regularizers": REGULARIZERS,
    "keras.constraints": CONSTRAINTS,
    "keras.optimizers": OPTIMIZERS,
    "keras.optimizers.schedules": SCHEDULES,
    "keras.losses": LOSSES,
    "keras.metrics": METRICS,
    "keras.dtype_policies": DTYPE_POLICIES,
    "keras.quantizers": QUANTIZERS,
    "keras.random": frozenset({"SeedGenerator"}),
    "keras.src.ops.numpy": OPS_NUMPY,
    "keras.src.ops.nn": OPS_NN,
    "keras.src.ops.math": OPS_MATH,
    "keras.src.ops.linalg": OPS_LINALG,
    "keras.src.ops.image": OPS_IMAGE,
    "keras.src.ops.core": OPS_CORE,
    # Layers of keras.applications that Keras does not export under a public name.
    "keras.src.applications.convnext": frozenset({"LayerScale", "StochasticDepth"}),
    "keras.src.applications.inception_resnet_v2": frozenset({"CustomScaleLayer"}),
}

# Where Keras 2 and earlier releases of Keras 3 placed a model's own class; this Keras finds it or says so.
LEGACY_MODEL_MODULES = _names("""
    keras.engine.functional keras.engine.sequential keras.engine.training keras.src.engine.functional
    keras.src.engine.sequential keras.src.engine.training keras.src.models.functional keras.src.models.model
    keras.src.models.sequential
""")
LEGACY_MODULE_CLASSES: dict[str, frozenset[str]] = {
    **dict.fromkeys(LEGACY_MODEL_MODULES, FUNCTIONAL_CLASSES),
    # Read as Keras' own of these names.
    **{f"keras.src.backend.torch.optimizers.torch_{name.lower()}": frozenset({name}) for name in TORCH_OPTIMIZERS},
    "tf_keras.src.engine.functional": frozenset({"Functional"}),
    "keras.mixed_precision": frozenset({"Policy", "LossScaleOptimizer"}),
    "keras.optimizers.legacy": OPTIMIZERS,
    "keras.optimizers.experimental": OPTIMIZERS,
}

# Layers of Keras 1 and 2 that are gone, and former names of others: let in, since this Keras refuses by name what it
# does not know.
LEGACY_CLASSES = _names("""
    AtrousConvolution1D AtrousConvolution2D BatchNormalizationV1 BatchNormalizationV2 CuDNNGRU CuDNNLSTM Deconvolution2D
    GRUV2 Highway LSTMV2 LocallyConnected1D LocallyConnected2D MaxoutDense Merge Policy PolicyV1 ThresholdedReLU
    TimeDistributedDense WeightRegularizer
""")

CLASSES_WITHOUT_MODULE = frozenset().union(*ALLOWED_CLASSES.values(), *LEGACY_MODULE_CLASSES.values(), LEGACY_CLASSES)

# Values that Keras writes as if they were objects of a class.
LITERAL_CLASSES = frozenset(
    {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__", "TensorShape"}
)

ALLOWED_FUNCTIONS: dict[str, frozenset[str]] = {
    "builtins": ACTIVATION_FUNCTIONS | LOSS_FUNCTIONS | METRIC_FUNCTIONS,
    "keras.activations": ACTIVATION_FUNCTIONS,
    "keras.losses": LOSS_FUNCTIONS,
    "keras.metrics": METRIC_FUNCTIONS,
    # An activation that is also an operation is saved under either name.
    "keras.ops": _names("""
        abs absolute celu elu exp gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
        log_sigmoid log_softmax negative relu relu6 selu sigmoid silu sin cos soft_shrink softmax softplus softsign
        sparse_plus sparsemax sqrt square squareplus swish tanh tanh_shrink threshold
    """),
}


class DemoClass(NamedTuple):
    """Where a class of a demo of ours lives, and the name under which Keras writes it."""

    module: str
    registered_name: str


# By exact name: an exported copy of a demo's run can be imported again.
DEMO_CLASSES: dict[str, DemoClass] = {
    "Scale": DemoClass("core.demos.digits_custom", "Scale"),
    "DigitReader": DemoClass("core.demos.digits_subclassed", "DigitReader"),
}


def is_allowed_class(name: str, module: str | None) -> bool:
    """Whether a config may name this class; those of early releases come without their module."""
    if module is None:
        return name in CLASSES_WITHOUT_MODULE
    return name in ALLOWED_CLASSES.get(module, ()) or name in LEGACY_MODULE_CLASSES.get(module, ())


def is_allowed_function(name: str, module: str | None) -> bool:
    return name in ALLOWED_FUNCTIONS.get(module or "builtins", ())
