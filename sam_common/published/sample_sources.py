"""Sources of the samples: published packages, their members, and size and sha256 of each."""

from __future__ import annotations

from sam_common.published.origins import Wheel
from sam_common.published.pinned_file import PinnedFile, PinnedFolder
from sam_common.published.sdist import Sdist

TREES = Wheel(
    "deepforest",
    "2.1.0",
    (
        (
            "deepforest/data/OSBS_029.tif",
            PinnedFile(
                "osbs_029.tif",
                607_832,
                "8521dbb5e8063d37d61895867dfcca7476491d1345103dc1b3fd96f71b186353",
            ),
        ),
        (
            "deepforest/data/OSBS_029.xml",
            PinnedFile(
                "osbs_029.xml",
                20_526,
                "1f68c4011d7b351c29ca755072e77f3d16e6fd1f995bd05a9dd4eb952b55373c",
            ),
        ),
    ),
)
"""An aerial image of a forest and the boxes of its trees."""
HEAD = Wheel(
    "nilearn",
    "0.14.1",
    (
        (
            "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
            PinnedFile(
                "mni152_t1.nii.gz",
                1_617_531,
                "421a10e872fd6cadae7f61d358dffbcc1795a497d61ee76c5dda2503e1a1e9e6",
            ),
        ),
        (
            "nilearn/datasets/data/mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz",
            PinnedFile(
                "mni152_gm.nii.gz",
                1_965_510,
                "97a5ca69bd24db37a9cb7b32525e1733a209af904129bf1cd36da06d24243bed",
            ),
        ),
        (
            "nilearn/datasets/data/mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz",
            PinnedFile(
                "mni152_wm.nii.gz",
                1_553_010,
                "382d92812de4744f9c86c7a0e4f680dc317a0a50e4da1f0153618a6798c7b7db",
            ),
        ),
    ),
)
"""A head in MR and the tissues in it."""
HISTORICAL_MAP = Sdist(
    "museotoolbox",
    "0.13.6",
    PinnedFile(
        "museotoolbox-0.13.6.tar.gz",
        1_806_679,
        "7fc8e935f008501fbf992d2da7e4b9bfe27492d23d8f424bdb6b163e31da422d",
    ),
    (
        (
            "museotoolbox-0.13.6/museotoolbox/datasets/_historicalmap/map_compress.tif",
            PinnedFile(
                "historical_map.tif",
                1_386_548,
                "fed098c5744a9c076d266d7a49e8b2109d329ca1e8bf2af400916ca326a888ec",
            ),
        ),
        (
            "museotoolbox-0.13.6/museotoolbox/datasets/_historicalmap/train.gpkg",
            PinnedFile(
                "historical_map.gpkg",
                98_304,
                "1c394ea5ab1616cc337672b441819355d032914f0020e972e6db12e61ce2d466",
            ),
        ),
    ),
)
"""A scanned map and polygons of its land cover."""
_SLICES = (
    ("573", 156_972, "4c5633409fa4d3edf6871e5684e9e1b10325b4d0949997582f43b23a684d0dc4"),
    ("574", 157_216, "9148f91127145497f4d6c6f0780f9452504cd7fe5088ec8f2bf2b21800c731ff"),
    ("575", 158_102, "3edaccec892e0821440cbefe3d5465923bb5146c316cbaf58f578d962f120484"),
    ("576", 158_670, "9b68685f0c5f9bfcfc2c397f4fadf431da288d7422ca72e7d9031d4e039418cd"),
    ("577", 158_560, "c8d2c0dc05e414d47d3652c658d8fecc20c3cf7ce106c10d84ad033d39700bcc"),
    ("578", 157_844, "0ee2c1d58e06cedd91483ca35c04da3c26fea0dbe88aaf1eaa950b57f38357d6"),
    ("579", 156_996, "c76cf0818d4215b92883d109b8a0b62ae0a4d81637eed98738f9c62b6f49bb72"),
    ("580", 156_574, "106e20514fd3ca66895e14dbfba96c01c1195e4ed890c035d4368dd71f3ee116"),
    ("581", 156_778, "5804e6c4a50f4d5b20040ac82a1c6d79cba5f7267d71f10b0a1b49eda1bc13ff"),
    ("582", 157_400, "bef219a16b22949224de4581a2d288863b2585d29556ac24021f03307378cb39"),
    ("583", 158_218, "9de5a49e880417d5330fe299115fdb95831a98234216a31c5c0e9a0be9a6dcd3"),
    ("584", 158_648, "fa00c8d81ec8aa0d0cfc4e05343782c3a75a4c60df8cccf9ff5db42ac454e61d"),
    ("585", 158_334, "ebba0900b0f728db0c94c769db3e5ca38a0cd916386a727541eb3e56350770e5"),
    ("586", 157_586, "f084ec95cfba25efb7cbe86e8b4966b051904037e8385f58fe398c5475693b89"),
    ("587", 157_228, "20a9b88a30ea8a824ac65cb19c1ebf80964b41ff476497706ff2a286e5f27a25"),
    ("588", 156_964, "2a515d3b60f3ff733aac1fc5414206c331e3ed2ccef8c2e0c30b844c538e3ed8"),
    ("589", 157_164, "5880669f1bc36b09cad4bdf487992ec415da0afa014e927efc282e612f467574"),
    ("590", 157_804, "7af4dd5b5766a87368939116b91f90d989820e7b2237fb9bcd10d47db0960875"),
    ("591", 158_568, "671306f4462ae881976c18c6a2d8a1567279fb0166ef0e9e8a41271fac9c1cbb"),
    ("592", 158_614, "fdb76ad5272f074e07cc81509604fd163f2f8a9903d34b16ba6f078250373c51"),
)
"""Ends of the names of the files of a DICOM series, with sizes and sha256."""
ABDOMEN = Sdist(
    "TotalSegmentator",
    "2.4.0",
    PinnedFile(
        "TotalSegmentator-2.4.0.tar.gz",
        8_178_887,
        "1274bb64e483db7b144bcab6f59adea0704d7423303c1ee23b42a40e8be81eb6",
    ),
    (
        (
            "TotalSegmentator-2.4.0/tests/reference_files/example_ct_dicom",
            PinnedFolder(
                "abdomen_ct_dicom",
                tuple(
                    PinnedFile(
                        f"CT.1.3.12.2.1107.5.1.4.60064.30000022120808113428000016{end}",
                        size_bytes,
                        sha256,
                    )
                    for end, size_bytes, sha256 in _SLICES
                ),
            ),
        ),
        (
            "TotalSegmentator-2.4.0/tests/reference_files/example_seg_dicom.nii.gz",
            PinnedFile(
                "abdomen_ct_dicom_organs.nii.gz",
                88_738,
                "8329793f9048088d6cef0fc45c76eb75bcfc4e9c3befa58257469276751c3ce6",
            ),
        ),
        (
            "TotalSegmentator-2.4.0/tests/reference_files/example_ct.nii.gz",
            PinnedFile(
                "abdomen_ct.nii.gz",
                2_206_612,
                "dbd3ae6d614d1d7ef3a46925c30c70038ed52da6b37fdd6afdc7b9b71387e3e1",
            ),
        ),
        (
            "TotalSegmentator-2.4.0/tests/reference_files/example_seg_fast_force_split.nii.gz",
            PinnedFile(
                "abdomen_ct_organs.nii.gz",
                112_591,
                "e8097758e56e73099075b6caaebce23ef11bc6fad66a4ec3753b9406846558c7",
            ),
        ),
    ),
)
"""A CT of an abdomen, as DICOM and as NIfTI, and the organs in it."""
