"""Small valid files of every raw format, and files whose container is sound but whose content is odd."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import warnings
import zipfile
from itertools import chain
from pathlib import Path
from random import Random

import numpy as np

from fuzzing.damage import DAMAGES, ODD_VALUES, array_changed, tree_changed
from skelact.skeleton.tables import COCO_17, MEDIAPIPE_33
from skelact.skeleton.topology import Topology


def coordinates(seed: int, *shape: int) -> np.ndarray:
    numbers = np.random.default_rng(seed)
    return (numbers.normal((0.2, 0.1, 3.0), (0.3, 0.5, 0.2), (*shape, 3))).astype(np.float32)


def ntu_file(num_frames: int, num_bodies: int, end: str = "\r\n") -> bytes:
    lines = [str(num_frames)]
    for frame in coordinates(num_frames, num_frames, num_bodies, 25).tolist():
        lines.append(str(num_bodies))
        for body, joints in enumerate(frame):
            lines += [f"{72057594037931001 + body} 0 1 1 1 1 0 0.1 -0.2 2", "25"]
            lines += [
                f"{x:.7g} {y:.7g} {z:.7g} 255.5 212 958.6 539.9 0.1 0.9 0.02 0.3 2" for x, y, z in joints
            ]
    return (end.join(lines) + end).encode()


def ntu_samples() -> list[bytes]:
    return [b"2\r\n0\r\n0\r\n", ntu_file(1, 1), ntu_file(2, 2, "\n"), ntu_file(12, 1)]


def msr_samples() -> list[bytes]:
    rows = coordinates(0, 40).tolist()
    return [
        "\n".join(f"{x:.6f} {y:.6f} {z:.6f} 1.0" for x, y, z in rows[:count]).encode() for count in (20, 40)
    ]


def nw_ucla_trees() -> list[dict[str, object]]:
    name = "a01_s02_e03_v01"
    return [
        {"file_name": name, "skeletons": coordinates(count, count, 20).round(4).tolist(), "label": 1}
        for count in (1, 4)
    ]


def nw_ucla_samples() -> list[bytes]:
    return [json.dumps(tree, indent=indent).encode() for tree in nw_ucla_trees() for indent in (None, 1)]


def odd_nw_ucla(random: Random) -> bytes:
    return json.dumps(tree_changed(random, random.choice(nw_ucla_trees()))).encode()


def numbered_lines(separator: str, num_frames: int, *shape: int) -> bytes:
    frames = coordinates(num_frames, num_frames, *shape).reshape(num_frames, -1).tolist()
    return "".join(
        separator.join([str(number), *(f"{value:.5f}" for value in frame)]) + "\n"
        for number, frame in enumerate(frames, 55)
    ).encode()


def sbu_samples() -> list[bytes]:
    return [numbered_lines(",", count, 2, 15) for count in (1, 5)]


def kinect_samples() -> list[bytes]:
    return [numbered_lines(" ", count, 20) for count in (1, 5)]


UTKINECT_ACTIONS = b"s01_e01 \nwalk: 252 390\nsitDown: 572 686 \ns10_e02\ncarry: NaN NaN\n"


def pku_samples() -> list[bytes]:
    frames = coordinates(1, 3, 50).reshape(3, 150).tolist()
    lines = [" ".join(f"{value:.6f}" for value in frame) for frame in frames]
    return ["\r\n".join(lines[:count]).encode() for count in (1, 3)]


BVH = b"""HIERARCHY
ROOT Hips
{
	OFFSET 0.0 90.0 0.0
	CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
	JOINT LeftLeg
	{
		OFFSET 10.0 -5.0 0.0
		CHANNELS 3 Zrotation Xrotation Yrotation
		End Site
		{
			OFFSET 0.0 -80.0 0.0
		}
	}
	JOINT RightLeg
	{
		OFFSET -10.0 -5.0 0.0
		CHANNELS 3 Zrotation Xrotation Yrotation
		End Site
		{
			OFFSET 0.0 -80.0 0.0
		}
	}
}
MOTION
Frames: 3
Frame Time: 0.0333333
0.0 90.0 0.0 10.0 20.0 30.0 5.0 6.0 7.0 -1.0 -2.0 -3.0
0.1 90.0 0.2 11.0 20.0 30.0 5.0 6.0 7.0 -1.0 -2.0 -3.0
0.2 90.0 0.4 12.0 20.0 30.0 5.0 6.0 7.0 -1.0 -2.0 -3.0
"""


def padded_arrays() -> dict[str, np.ndarray]:
    arrays = {}
    for side, count in (("train", 3), ("test", 2)):
        arrays[f"x_{side}"] = coordinates(count, count, 4, 2, 25).reshape(count, 4, 150)
        arrays[f"y_{side}"] = np.eye(5)[np.arange(count)]
    return arrays


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)  # without the time of day
    return target.getvalue()


def npy(array: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.lib.format.write_array(target, array, allow_pickle=True)
    return target.getvalue()


def npz_samples() -> list[bytes]:
    files = {f"{name}.npy": npy(array) for name, array in padded_arrays().items()}
    return [zipped(files), zipped(files, zipfile.ZIP_DEFLATED)]


def odd_npz(random: Random) -> bytes:
    arrays = padded_arrays()
    for _ in range(random.randint(1, 2)):
        name = random.choice(list(arrays))
        arrays[name] = array_changed(random, arrays[name])
        if not arrays[name].size:
            break
    files = {f"{name}.npy": npy(array) for name, array in arrays.items()}
    name = random.choice(list(files))
    if random.random() < 0.5:  # its checksum is right all the same
        head, body = files[name][:128], files[name][128:]
        files[name] = random.choice(DAMAGES)(random, head) + body
    return zipped(files, random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))


def pyskl_tree() -> dict[str, object]:
    annotations = [
        {
            "frame_dir": f"s{number}",
            "label": number,
            "keypoint": coordinates(number, 1, 3 + number, 25),
            "keypoint_score": np.ones((1, 3 + number, 25), np.float16),
            "total_frames": 3 + number,
            "img_shape": (1080, 1920),
        }
        for number in range(3)
    ]
    return {"split": {"xsub_train": ["s0", "s1"], "xsub_val": ["s2"]}, "annotations": annotations}


def pickle_samples() -> list[bytes]:
    return [pickle.dumps(pyskl_tree(), protocol) for protocol in (0, 2, 4, 5)]


def odd_pickle(random: Random) -> bytes:
    tree = pyskl_tree()
    odd = [
        *ODD_VALUES,
        b"x",
        Path("x"),
        {1, 2},
        (),
        1j,
        np.float32(2),
        print,
        array_changed(random, coordinates(0, 1, 3, 25)),
    ]
    return pickle.dumps(tree_changed(random, tree, odd), random.choice([0, 1, 2, 3, 4, 5]))


OWN_SKELETON: dict[str, object] = {
    "joints": ["hip", "left", "right"],
    "parents": {"left": "hip", "right": "hip"},
    "pairs": [["left", "right"]],
}


def pose_trees() -> list[dict[str, object]]:
    bodies = [{"positions": coordinates(seed, 3, 3).round(3).tolist()} for seed in (0, 1)]
    bodies[0]["confidence"] = [[0.9, None, 0.0], [1, 1, 1], None]
    flat = [[[1.0, 2.0]] * 17, None, [[3.0, 4.0], None] + [[5.0, 6.0]] * 15]
    return [
        {"topology": OWN_SKELETON, "fps": 30, "unit": "cm", "label": "wave", "subject": 3, "bodies": bodies},
        {"topology": "coco-17", "unit": "pixel", "bodies": [{"positions": flat}]},
    ]


def pose_samples() -> list[bytes]:
    return [json.dumps(tree, indent=indent).encode() for tree in pose_trees() for indent in (None, 1)]


def odd_pose(random: Random) -> bytes:
    if random.random() < 0.01:
        return b'{"bodies": ' + random.choice([b"[", b'{"a":']) * 200_000
    return json.dumps(tree_changed(random, random.choice(pose_trees()))).encode()


def frame_trees() -> list[dict[str, object]]:
    """Lines of a stream: a skeleton, a frame with two people, one with nobody."""
    bodies = [{"id": name, "positions": coordinates(3, 1, 3)[0].round(3).tolist()} for name in (7, "anna")]
    bodies[1]["confidence"] = [0.9, None, 0.0]
    return [
        {"topology": OWN_SKELETON, "fps": 30, "unit": "cm"},
        {"time": 0.5, "bodies": bodies},
        {"fps": 15, "bodies": [{"positions": [[1.0, 2.0, 3.0], None, [1.0, 0.0, 2.0]]}]},
        {"bodies": []},
    ]


def frame_samples() -> list[bytes]:
    return ["\n".join(map(json.dumps, frame_trees())).encode()]


def odd_frame(random: Random) -> bytes:
    return "\n".join(json.dumps(tree_changed(random, tree)) for tree in frame_trees()).encode()


def openpose_tree() -> dict[str, object]:
    person = {"person_id": [-1], "pose_keypoints_2d": pixels(1, 25, 0.8)}
    hands = {"person_id": [4], "pose_keypoints_2d": pixels(2, 25, 0.4), "face_keypoints_2d": [1.0]}
    return {"version": 1.3, "people": [person, hands]}


def pixels(seed: int, num_joints: int, confidence: float) -> list[float]:
    """Joints as x, y, confidence, ..."""
    joints = np.random.default_rng(seed).uniform(10, 400, (num_joints, 2)).round(2)
    return np.concatenate([joints, np.full((num_joints, 1), confidence)], 1).reshape(-1).tolist()


def openpose_samples() -> list[bytes]:
    tree = openpose_tree()
    return [json.dumps(tree).encode(), b'{"people": []}', json.dumps(tree, indent=1).encode()]


def odd_openpose(random: Random) -> bytes:
    return json.dumps(tree_changed(random, openpose_tree())).encode()


def coco_trees() -> list[object]:
    """Results as a list of people, MMPose's frames, and images with annotations."""
    people = [
        {"image_id": frame, "keypoints": pixels(who, 17, 0.9), "score": 0.8, "track_id": who}
        for frame in range(3)
        for who in range(2)
    ]
    joints = np.array(pixels(0, 17, 0.9)).reshape(17, 3)[:, :2].tolist()
    instances = [{"keypoints": joints, "keypoint_scores": [0.5] * 17}]
    frames = [{"frame_id": 1, "instances": instances * 2}, {"frame_id": 2, "instances": []}]
    images = [
        {"id": number, "file_name": f"v_{number}.jpg", "width": 640, "height": 480} for number in range(3)
    ]
    return [people, {"instance_info": frames}, {"images": images, "annotations": people}]


def coco_samples() -> list[bytes]:
    return [json.dumps(tree).encode() for tree in coco_trees()]


def odd_coco(random: Random) -> bytes:
    return json.dumps(tree_changed(random, random.choice(coco_trees()))).encode()


def mediapipe_trees() -> list[object]:
    world = coordinates(0, 33).round(3)
    world[23:25] = 0
    objects = [{"x": x, "y": y, "z": z, "visibility": 0.9} for x, y, z in world.tolist()]
    lists = (world / 4 + 0.5).tolist()
    return [
        [objects, None, objects],
        {"frames": [{"frame": 2, "landmarks": [lists, lists]}, {"frame": 3, "world_landmarks": [objects]}]},
    ]


def mediapipe_samples() -> list[bytes]:
    return [json.dumps(tree).encode() for tree in reversed(mediapipe_trees())]


def odd_mediapipe(random: Random) -> bytes:
    return json.dumps(tree_changed(random, random.choice(mediapipe_trees()))).encode()


def mediapipe_csv_samples() -> list[bytes]:
    frames = coordinates(3, 3, 33).round(3).tolist()
    wide = ["frame," + ",".join(f"{number}{joint}" for joint in range(33) for number in "xyz")]
    long = ["frame,landmark,x,y,z"]
    for n, frame in enumerate(frames):
        wide.append(",".join(map(str, [n, *chain.from_iterable(frame)])))
        long += [",".join(map(str, [n, joint, *point])) for joint, point in enumerate(frame)]
    return ["\r\n".join(lines).encode() for lines in (wide, long)]


def kinetics_tree() -> dict[str, object]:
    shares = np.random.default_rng(0).uniform(0.2, 0.8, 36).round(3).tolist()
    people = [{"pose": shares, "score": [0.9] * 17 + [0.0]}, {"pose": shares[::-1], "score": [0.5] * 18}]
    data = [{"frame_index": number, "skeleton": people[: number % 3]} for number in range(1, 5)]
    return {"data": data, "label": "waving", "label_index": 2}


def kinetics_samples() -> list[bytes]:
    return [json.dumps(kinetics_tree(), indent=indent).encode() for indent in (None, 1)]


def odd_kinetics(random: Random) -> bytes:
    return json.dumps(tree_changed(random, kinetics_tree())).encode()


MANIFEST = (
    b"file,label,split,split_xsub,subject,place\r\n"
    b'a.json,wave,train,test,1,home\r\nb/c,"sit, up",test,,2,\r\n'
)


def manifest_samples() -> list[bytes]:
    return [
        MANIFEST,
        MANIFEST.replace(b",", b";"),
        b"file,label\na,x\n",
        b"file\tsplit\na\ttrain\nb/c\tval\n",
    ]


def archive_samples() -> list[bytes]:
    files = {"a/one.txt": b"one " * 50, "two.txt": b"2", "b/two.txt": b"", ".hidden": b"3"}
    samples = [zipped(files), zipped(files, zipfile.ZIP_DEFLATED), zipped(files, zipfile.ZIP_LZMA)]
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    plain = target.getvalue()
    return [*samples, plain, gzip.compress(plain, mtime=0), lzma.compress(plain), bz2.compress(plain)]


STICK = Topology("stick", ("hips", "head"), (0, 0))


def csv_samples() -> list[bytes]:
    names = list(COCO_17.joints)
    rows = coordinates(3, 4, 17).round(3)
    wide = [",".join(["frame", *(f"{name}_{axis}" for name in names for axis in "xyz")])]
    wide += [",".join(map(str, [frame, *row.ravel().tolist()])) for frame, row in enumerate(rows)]
    long = ["time;person;joint;x;y;confidence"]
    for frame, row in enumerate(rows[:2]):
        for name, (x, y, _) in zip(names, row.tolist(), strict=True):
            long.append(f"{frame / 30:.4f};anna;{name};{x};{y};0.9")
    return ["\n".join(wide).encode(), "\r\n".join(long).encode()]


def npy_samples() -> list[bytes]:
    array = coordinates(4, 3, 5, 25, 2).transpose(0, 4, 1, 2, 3)
    flat = np.random.default_rng(0).uniform(1, 400, (2, 2, 4, 17, 1))
    return [npy(np.ascontiguousarray(array)), npy(flat)]


def odd_npy(random: Random) -> bytes:
    array = np.ascontiguousarray(coordinates(4, 3, 5, 25, 2).transpose(0, 4, 1, 2, 3))
    data = npy(array_changed(random, array))
    return random.choice(DAMAGES)(random, data[:128]) + data[128:] if random.random() < 0.5 else data


def label_samples() -> list[bytes]:
    pickled = pickle.dumps((["a", "b"], [0, 1]))
    return [npy(np.arange(5)), npy(np.array(["wave", "sit"])), b"wave\nsit down\n", b"0\n-1\n2\n", pickled]


def odd_labels(random: Random) -> bytes:
    if random.random() < 0.5:
        return npy(array_changed(random, np.arange(6.0).reshape(6, 1)))
    return pickle.dumps(tree_changed(random, [["a", "b"], [0, 1]], [*ODD_VALUES, b"x", 1j, np.arange(2)]))


def c3d_samples() -> list[bytes]:
    points = coordinates(5, 3, 3) * 1000
    return [
        c3d_file(["hips", "head", "LANK"], points, unseen=[(1, 0)]),
        c3d_file(["A:hips", "A:head", "B:x"], points, unit="m"),
    ]


def pose_file_samples() -> list[bytes]:
    parts = [("HAND", ["a", "b"]), ("POSE_LANDMARKS", [joint.upper() for joint in MEDIAPIPE_33.joints])]
    points = coordinates(6, 3, 1, 35)
    return [
        pose_file(parts, points, np.full(points.shape[:3], 0.8)),
        pose_file([("POSE_WORLD", list(COCO_17.joints))], points[:, :, :17], np.ones((3, 1, 17))),
    ]


def c3d_file(
    labels: list[str], points: np.ndarray, unit: str = "mm", unseen: list[tuple[int, int]] | None = None
) -> bytes:
    """Write (T, points, 3) positions; ``unseen`` holds (frame, point)."""
    import c3d

    writer = c3d.Writer(point_rate=50.0, point_units=f"{unit:<4}")
    writer.set_point_labels(labels)
    for number, frame in enumerate(points):
        rows = np.zeros((len(labels), 5), np.float32)
        rows[:, :3] = frame
        for _, point in (each for each in unseen or () if each[0] == number):
            rows[point, 3] = -1
        writer.add_frames([(rows, np.zeros((0, 0)))])
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer.write(target)
    return target.getvalue()


def pose_file(components: list[tuple[str, list[str]]], points: np.ndarray, confidence: np.ndarray) -> bytes:
    """Write (T, people, points, 3) positions and their confidence, with components (name, points)."""
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    parts = [PoseHeaderComponent(name, names, [], [], "XYZC") for name, names in components]
    header = PoseHeader(0.2, PoseHeaderDimensions(640, 480, 100), parts)
    target = io.BytesIO()
    body = NumPyPoseBody(25.0, points.astype(np.float32), confidence.astype(np.float32))
    Pose(header, body).write(target)
    return target.getvalue()


def onnx_file(change: Random | None = None) -> bytes:
    """Write a file of 'skelact export' with a graph of four operations, and with odd metadata if told."""
    import onnx
    from onnx import TensorProto, helper

    from skelact.clips.settings import ClipSettings
    from skelact.models.backbone import build_backbone
    from skelact.models.pretrained import model_card
    from skelact.models.sizes import EncoderConfig
    from skelact.recognition import onnx_file as file

    encoder = build_backbone(EncoderConfig(2, 3, 8, width=4, depth=1, num_heads=1), STICK)
    about = {"recognition": {"classifier": "linear", "class_names": ["a", "b"], "threshold": 0.5}}
    card = model_card(encoder, STICK, ClipSettings(num_frames=8), about)
    nodes = [
        helper.make_node("ReduceMean", ["positions", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weight"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
        helper.make_node("ReduceMean", ["scores", "last"], ["distance"], keepdims=0),
    ]
    positions = helper.make_tensor_value_info("positions", TensorProto.FLOAT, ["n", "m", "t", 2, 3])
    given = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2]),
        helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"]),
    ]
    tables = [
        helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
        helper.make_tensor("last", TensorProto.INT64, [1], [1]),
        helper.make_tensor("weight", TensorProto.FLOAT, [3, 2], [1, 2, 3, 4, 5, 6]),
    ]
    graph = helper.make_graph(nodes, "graph", [positions], given, tables)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    told = {"format": file.FORMAT, "card": card, "up": "y"}
    if change is not None:
        told = tree_changed(change, told)
    metadata = {file.ABOUT: json.dumps(told), file.CHECKSUM: "0" * 64}
    onnx.helper.set_model_props(model, metadata)
    return file.seal(model.SerializeToString())
