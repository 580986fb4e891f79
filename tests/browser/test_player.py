"""The player in a real browser: joints where the store has them, every way to move, and who it must serve."""

import threading

import numpy as np
import pytest

import skelact
from skelact.recognition.answers import Explanation, StillJoints, StillStretch
from skelact.reports.page import in_frame
from skelact.reports.player import Decision, Played, player_page
from skelact.reports.serving import PageServer
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.skeleton.topology import Topology
from somebody import HOSTILE, a_person, until

pytestmark = pytest.mark.slow


def shown(positions, seen=None, fps=10.0, **about):
    """Return the page of (M, T, 25, 3) positions."""
    seen = np.ones(positions.shape[:3], bool) if seen is None else seen
    present = seen.any(2)
    one = SkeletonSequence("one", np.where(seen[..., None], positions, 0), present, NTU_25, seen, fps)
    return player_page(Played(one, up="y", unit="m", **about))


@pytest.fixture(scope="module")
def pair():
    """Two people of whom the second comes late; the first one's left hand is missing for a while."""
    positions = np.stack([a_person(), a_person(seed=1) + np.array([1.2, 0, 0.1], np.float32)])
    seen = np.ones((2, 30, 25), bool)
    seen[1, :8] = False
    seen[0, 10:14, NTU_25.index("HandLeft")] = False
    return positions, seen


def joints(page):
    """Return what is drawn, by body and joint."""
    page.wait_for_timeout(60)  # two pictures
    return {(each["body"], each["joint"]): each for each in page.evaluate("skelact.joints")}


def test_joints_are_drawn_where_the_store_has_them(open_page, small_store):
    for index in (3, 6):
        one = small_store.sequence(index)
        page = open_page(skelact.view(f"{small_store.path}:{index}").page)
        step = page.evaluate("skelact.recording.positions.step")
        for frame in (0, one.num_frames // 3, one.num_frames - 1):
            page.evaluate(f"skelact.seek({frame})")
            drawn = joints(page)
            assert {body for body, _ in drawn} == set(np.flatnonzero(one.present[:, frame]).tolist())
            for (body, joint), each in drawn.items():
                place = one.positions[body, frame, joint]
                np.testing.assert_allclose(each["position"], place, atol=step * 0.51)


def test_a_person_stands_upright_and_seen_from_the_front_the_right_hand_is_on_the_left(open_page):
    page = open_page(shown(a_person()[None]))
    page.get_by_role("button", name="Front").click()
    at = {NTU_25.joints[joint]: each for (_, joint), each in joints(page).items()}
    assert at["Head"]["y"] < at["HipLeft"]["y"] < at["FootLeft"]["y"]
    assert at["ShoulderRight"]["x"] < at["ShoulderLeft"]["x"] - 30
    page.get_by_role("button", name="Side").click()
    at = {NTU_25.joints[joint]: each for (_, joint), each in joints(page).items()}
    assert abs(at["ShoulderRight"]["x"] - at["ShoulderLeft"]["x"]) < 20
    canvas = page.locator("#stage").bounding_box()
    for name, each in at.items():
        assert 0 < each["x"] < canvas["width"], name
        assert 0 < each["y"] < canvas["height"], name


def test_a_missing_joint_stands_between_and_an_absent_person_is_not_drawn(open_page, pair):
    positions, seen = pair
    hand = NTU_25.index("HandLeft")
    page = open_page(shown(positions, seen))
    page.evaluate("skelact.seek(12)")
    drawn = joints(page)
    assert drawn[0, hand]["seen"] is False
    assert drawn[0, hand]["position"] is None
    before, after = (page.evaluate(f"skelact.recording.shown(0, {frame}, {hand})") for frame in (9, 14))
    between = page.evaluate(f"skelact.recording.between(0, 12, {hand})")
    np.testing.assert_allclose(between, np.array(before) + 0.6 * (np.array(after) - before), atol=1e-9)
    page.evaluate("skelact.seek(3)")
    assert {body for body, _ in joints(page)} == {0}
    page.evaluate("skelact.seek(20)")
    page.get_by_label("person 1").uncheck()
    assert {body for body, _ in joints(page)} == {1}


def test_colours_and_rings_follow_the_map(open_page):
    page = open_page(shown(a_person()[None]))
    page.evaluate("skelact.seek(6)")
    layer = "skelact.recording.layers.find((each) => each.key === 'change')"
    drawn = joints(page)
    values = {joint: page.evaluate(f"skelact.recording.value({layer}, 0, 6, {joint})") for _, joint in drawn}
    largest, least = (choose(values, key=values.get) for choose in (max, min))
    assert drawn[0, largest]["prime"] is True
    assert drawn[0, least]["prime"] is False
    assert drawn[0, largest]["colour"] != drawn[0, least]["colour"]
    page.locator("#colour").select_option("none")
    assert len({each["colour"] for each in joints(page).values()}) == 1


def test_playing_goes_on_and_round_and_stops(open_page):
    page = open_page(shown(a_person(5)[None], fps=30.0))
    page.get_by_role("button", name="Play").first.click()
    page.evaluate("window.seen = new Set()")
    until(page, "[0, 1, 2, 3, 4].every((each) => seen.add(skelact.state.frame).has(each))")
    page.keyboard.press("Space")  # the focus is on the pause button
    assert page.evaluate("skelact.state.playing") is False
    page.get_by_role("button", name="Loop").click()
    page.evaluate("skelact.seek(4)")
    page.get_by_role("button", name="Play").click()
    until(page, "!skelact.state.playing && skelact.state.frame === 4")
    assert page.locator("#readout").inner_text() == "5 / 5 · 0.13 s"


def test_scrubbing_moves_joints_and_cursors(open_page, pair):
    page = open_page(shown(*pair))
    for frame in (0, 9, 29):
        page.locator("#scrub").fill(str(frame))
        page.wait_for_timeout(60)
        assert page.evaluate("skelact.state.frame") == frame
        for name in ("map", "curves"):
            plot, cursor = (page.locator(f"#{name}-plot{part}").bounding_box() for part in ("", " .cursor"))
            expected = plot["x"] + (frame + 0.5) / 30 * plot["width"]
            assert abs(cursor["x"] + cursor["width"] / 2 - expected) < 1.5
    width = page.locator("#map").bounding_box()["width"]
    page.locator("#map").click(position={"x": width * 0.55, "y": 40})
    assert page.evaluate("skelact.state.frame") == 16
    assert page.locator("#scrub").input_value() == "16"
    assert page.locator("#map").get_attribute("aria-valuetext") == "frame 17 of 30, 1.60 s"


def test_everything_has_a_key(open_page, pair):
    page = open_page(shown(*pair))
    for key, expected in (
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 11),
        ("ArrowLeft", 10),
        ("End", 29),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        assert page.evaluate("skelact.state.frame") == expected, key
    page.keyboard.press("Space")
    until(page, "skelact.state.frame > 2")
    page.keyboard.press("Space")
    assert page.evaluate("skelact.state.playing") is False
    page.locator("#map").focus()
    page.keyboard.press("Home")
    assert page.evaluate("skelact.state.frame") == 0
    before = page.evaluate("skelact.camera")
    page.locator("#stage").focus()
    for key in ("ArrowLeft", "ArrowUp", "+", "Shift+ArrowRight"):
        page.keyboard.press(key)
    after = page.evaluate("skelact.camera")
    assert after["yaw"] != before["yaw"]
    assert after["pitch"] > before["pitch"]
    assert after["zoom"] > before["zoom"]
    assert after["shift"] == [20 * -1, 0]
    assert page.evaluate("skelact.state.frame") == 0, "on the skeleton arrow keys turn it"
    page.keyboard.press("r")
    assert page.evaluate("skelact.camera") == before


def test_the_tab_key_reaches_every_control_and_shows_where_it_is(open_page, pair):
    page = open_page(shown(*pair))
    reached, marked = set(), True
    for _ in range(80):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """(() => { const on = document.activeElement;
            const seen = on.type === 'radio' ? on.nextElementSibling : on;
            return [on.id || on.dataset.joint || on.value || on.tagName, getComputedStyle(seen).outlineStyle];
            })()"""
        )
        if name == "BODY":
            break
        marked &= outline != "none"
        reached.add(name)
    wanted = {
        "theme",
        "stage",
        "play",
        "back",
        "forward",
        "scrub",
        "loop",
        "speed",
        "sticks",
        "colour",
        "prime",
    }
    wanted |= {"trails", "floor", "follow", "layer", "person", "map", "SUMMARY", *map(str, range(25))}
    assert wanted <= reached
    assert marked


def test_dragging_turns_and_the_wheel_brings_nearer_once_the_skeleton_was_pressed(open_page, pair):
    page = open_page(shown(*pair))
    page.get_by_role("button", name="Play").first.click()
    page.evaluate("skelact.pause()")
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + 60, box["y"] + 60
    before = page.evaluate("skelact.camera")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -200)
    assert page.evaluate("skelact.camera.zoom") == before["zoom"], "the page scrolls"
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 50, y + 20)
    page.mouse.up()
    assert page.evaluate("skelact.camera.yaw") != before["yaw"]
    page.locator("#stage").focus()
    page.mouse.wheel(0, -200)
    until(page, f"skelact.camera.zoom > {before['zoom']}")


def test_a_joint_is_chosen_by_its_name_or_by_itself(open_page):
    page = open_page(shown(a_person()[None]))
    button = page.get_by_role("button", name="Head", exact=True)
    was = button.get_attribute("aria-pressed")
    button.click()
    assert button.get_attribute("aria-pressed") != was
    names = page.locator("#keys li").all_inner_texts()
    assert any(text.startswith("Head") for text in names) == (was == "false")
    page.evaluate("document.getElementById('big-play').hidden = true")
    page.wait_for_timeout(60)
    head = next(each for (_, joint), each in joints(page).items() if NTU_25.joints[joint] == "Head")
    page.locator("#stage").click(position={"x": head["x"], "y": head["y"]})
    assert button.get_attribute("aria-pressed") == was
    assert "Head" in page.locator("#tip").inner_text()


def test_a_phone_has_everything_within_its_width(open_page, pair):
    page = open_page(shown(*pair), width=400, height=800, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    for control in page.locator("button, select, input, canvas").all():
        box = control.bounding_box()
        if control.is_visible() and box is not None:
            assert box["x"] >= 0, control
            assert box["x"] + box["width"] <= 400, control
    page.locator("#forward").tap()
    assert page.evaluate("skelact.state.frame") == 1
    assert page.locator("#readout").evaluate("each => each.scrollWidth <= each.clientWidth + 1")


def test_light_and_dark_follow_the_reader_and_the_button(open_page, pair):
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light, dark = (open_page(shown(*pair), color_scheme=scheme) for scheme in ("light", "dark"))
    assert light.evaluate(ground) != dark.evaluate(ground)
    colours = light.evaluate(ground), dark.evaluate(ground)
    light.get_by_role("button", name="Dark").click()
    dark.get_by_role("button", name="Dark").click()
    assert (dark.evaluate(ground), light.evaluate(ground)) == colours
    assert light.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_axe_finds_nothing_that_keeps_anybody_out(open_page, pair, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe: make setup").Axe()
    page = open_page(shown(*pair, notes=["a remark"]), width=width, color_scheme=scheme, bypass_csp=True)
    page.locator("summary").click()
    found = axe.run(page)
    assert [each["id"] for each in found.response["violations"]] == []
    assert len(found.response["passes"]) > 15


def test_hostile_names_are_text(open_page):
    base = NTU_25
    names = (HOSTILE, *base.joints[1:])
    skeleton = Topology(HOSTILE, names, base.parents, base.pairs, base.centre)
    one = SkeletonSequence(HOSTILE, a_person()[None], np.ones((1, 30), bool), skeleton, fps=10.0)
    page = open_page(player_page(Played(one, facts=[(HOSTILE, HOSTILE)], notes=[HOSTILE])))
    assert page.locator("#title").inner_text() == HOSTILE
    assert page.title() == HOSTILE
    assert page.locator("#notes").inner_text() == HOSTILE
    page.locator("#rows button", has_text=HOSTILE).click()
    assert page.locator("img").count() == 0


def test_a_page_without_anybody_says_so(open_page):
    page = open_page(skelact.view(np.full((40, 25, 3), np.nan), topology="ntu-25").page)
    assert "Nobody is seen in this recording" in page.locator("#empty").inner_text()
    for part in (".transport", ".settings", "#map-panel", "#curves-panel"):
        assert not page.locator(part).is_visible()


def test_one_frame_is_enough(open_page):
    page = open_page(shown(a_person(1)[None], fps=None))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert page.evaluate("[skelact.state.frame, skelact.state.playing]") == [0, False]
    assert len(joints(page)) == 25


def test_ten_thousand_frames_have_a_column_a_dot_and_no_peak_is_lost(open_page):
    positions = np.repeat(a_person(1), 10_000, 0)
    positions[5_000, NTU_25.index("HandLeft")] = positions[5_000, NTU_25.index("Head")]  # one frame alone
    page = open_page(shown(positions[None], fps=30.0))
    until(page, "skelact.columns > 0")
    width = page.locator("#map").bounding_box()["width"]
    assert page.evaluate("skelact.columns") <= width
    row = page.locator("#rows button").all_inner_texts().index("HandLeft")
    bright = page.evaluate(
        """row => { const map = document.getElementById('map'), high = map.height / (25 * 18 + 20) * 18;
        const line = map.getContext('2d').getImageData(0, Math.round((row + 0.4) * high), map.width, 1).data;
        const places = [...Array(map.width).keys()];
        return places.filter((x) => line[4 * x + 1] > 120).map((x) => x / map.width); }""",
        row,
    )
    assert bright
    assert all(abs(each - 0.5) < 0.005 for each in bright)
    page.evaluate("skelact.seek(9999)")
    assert joints(page)[0, 3]["position"] == pytest.approx(positions[9_999, 3].tolist(), abs=1e-4)


def test_reduced_motion_shows_whole_frames_alone(open_page):
    for motion, between in (("reduce", False), ("no-preference", True)):
        page = open_page(shown(a_person()[None], fps=2.0), reduced_motion=motion)
        page.evaluate("skelact.play()")
        moments = page.evaluate(
            """(async () => { const found = [];
            for (let i = 0; i < 20; i++) {
              await new Promise(requestAnimationFrame); found.push(skelact.state.moment);
            }
            return found; })()"""
        )
        assert any(moment % 1 for moment in moments) == between


def test_a_flat_recording_is_moved_and_not_turned(open_page):
    positions = np.random.default_rng(0).normal(size=(20, 17, 2)).cumsum(0) + 500
    page = open_page(skelact.view(positions, topology="coco-17", fps=30).page)
    page.locator("#stage").focus()
    page.keyboard.press("ArrowLeft")
    camera = page.evaluate("skelact.camera")
    assert (camera["yaw"], camera["pitch"]) == (0, 0)
    assert camera["shift"] != [0, 0]
    assert not page.locator("#floor").is_visible()
    drawn = joints(page)
    down = max(drawn.values(), key=lambda each: each["position"][1])
    assert down["y"] == max(each["y"] for each in drawn.values()), "y grows downwards in pictures"


def test_classes_follow_the_cursor(open_page):
    wave = np.linspace(0, 1, 10)
    shares = np.stack([wave, 1 - wave], 1)
    decision = Decision(["wave", HOSTILE], np.linspace(2, 27, 10).tolist(), shares, [0, 1], "about")
    page = open_page(shown(a_person()[None], decision=decision))
    for frame, share in ((0, "0 %"), (29, "100 %")):
        page.evaluate(f"skelact.seek({frame})")
        rows = page.locator("#classes li").all_inner_texts()
        assert rows[0].split("\n") == ["wave", share]
    width = page.locator("#decision").bounding_box()["width"]
    page.locator("#decision").click(position={"x": width / 2 + 1, "y": 20})
    assert page.evaluate("skelact.state.frame") == 15


def test_what_carries_a_decision_is_told_and_shown_as_a_strip(open_page):
    limb = StillJoints((HOSTILE, "B"), 0.1, 0.8, 4.0)
    stretches = (StillStretch(0, 14, 0.9, 0.0, 0.0), StillStretch(15, 29, 0.2, 0.7, 3.0))
    told = Explanation("wave", 0.9, (), (limb,), stretches)
    decision = Decision(["wave"], [7.0, 22.0], np.array([[0.9], [0.9]]), [0], "about", told)
    page = open_page(shown(a_person()[None], decision=decision))
    assert page.locator("#carries li").all_inner_texts()[0].endswith(f"{HOSTILE} to B 10 %")
    assert (
        "are when that stretch is passed over, from none (dark) to 20 (yellow)"
        in page.locator("#carries-about").inner_text()
    )
    row = page.evaluate(
        """() => {
          const canvas = document.getElementById("decision"), y = 140 * canvas.width / canvas.clientWidth;
          return [...canvas.getContext("2d").getImageData(0, y, canvas.width, 1).data];
        }"""
    )
    row = np.array(row).reshape(-1, 4)
    assert row[len(row) // 4].tolist() == [68, 1, 84, 255], "nothing is lost in the first half"
    assert row[3 * len(row) // 4].tolist() == [253, 231, 37, 255]


def test_it_runs_in_a_notebooks_frame_and_from_its_own_address(open_page, browser, pair):
    framed = open_page(f"<!doctype html><title>notebook</title>{in_frame(shown(*pair), 800)}")
    inside = framed.frame_locator("iframe")
    inside.get_by_role("button", name="One frame on").click()
    assert inside.locator("#readout").inner_text().startswith("2 / 30")
    with PageServer(shown(*pair)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(server.address)
        until(page, "skelact.joints.length > 0")
        page.close()
        server.shutdown()


def test_print_leaves_the_controls_out(open_page, pair):
    page = open_page(shown(*pair))
    page.emulate_media(media="print")
    for part in (".settings", "#play", "#theme", "footer"):
        assert not page.locator(part).first.is_visible()
    assert page.locator("#map").is_visible()
