"""The watershed on frames drawn by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from sn7ml.core.geo.burn import Ids
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.tracking.instances import find_instances, weigh
from sn7ml.params import InstanceParams, PeakParams
from tests.outputs.tracking.drawings import frame, ids_of, instance_params, peak_params

TWO_HOUSES_THAT_TOUCH = """
    ...........
    .aaaabbbb..
    .aaaabbbb..
    .aaaabbbb..
    .aaaabbbb..
    ...........
"""
CUT_OFF_BY_CLOUD = """
    ..........
    .aaaa???..
    .aaaa???..
    ......??..
"""


def find(image: Probabilities, params: InstanceParams, upsampling: int = 1) -> Ids:
    return find_instances(image.channels, image.usable, params, upsampling)


@pytest.mark.parametrize(
    "weights",
    [
        {"boundary_weight": 0.3, "contact_weight": 0.5},
        {"boundary_weight": 0.6, "contact_weight": 0.0},
        {"contact_weight": 0.6},
    ],
    ids=["by both lines", "by the boundary alone", "by the contact alone"],
)
def test_two_houses_that_touch_are_parted_where_drawn(weights: dict[str, float]) -> None:
    found = find(frame(TWO_HOUSES_THAT_TOUCH), instance_params(**weights))
    np.testing.assert_array_equal(found, ids_of(TWO_HOUSES_THAT_TOUCH))


def test_two_houses_that_touch_are_one_without_a_line_between_them() -> None:
    found = find(frame(TWO_HOUSES_THAT_TOUCH), instance_params(boundary_weight=0.0, contact_weight=0.0))
    np.testing.assert_array_equal(found > 0, ids_of(TWO_HOUSES_THAT_TOUCH) > 0)
    assert found.max() == 1


def test_bytes_and_floats_give_the_same_buildings() -> None:
    image = frame(TWO_HOUSES_THAT_TOUCH, sure=200)
    floats = (image.channels / 255).astype(np.float32)
    found = find_instances(floats, image.usable, instance_params(), 1)
    np.testing.assert_array_equal(found, find(image, instance_params()))
    assert found.dtype == np.int32


def test_a_thousand_houses_are_a_thousand_ids() -> None:
    truth = np.zeros((4 * 25, 4 * 40), np.int32)
    truth.reshape(25, 4, 40, 4)[:, 1:3, :, 1:3] = np.arange(1, 1001).reshape(25, 1, 40, 1)
    probabilities = Probabilities(np.stack([truth > 0] + [truth < 0] * 2).astype(np.uint8) * np.uint8(255), truth >= 0)
    np.testing.assert_array_equal(find(probabilities, instance_params()), truth)


def test_the_flood_reaches_weak_pixels_but_starts_no_building_there() -> None:
    footprint = np.array([[0, 100, 255, 100, 0, 100, 100, 0]], np.uint8)  # 100 / 255 is between both thresholds
    nothing = np.zeros_like(footprint)
    found = find_instances(np.stack([footprint, nothing, nothing]), nothing == 0, instance_params(), 1)
    np.testing.assert_array_equal(found, [[0, 1, 1, 1, 0, 0, 0, 0]])


@pytest.mark.parametrize(("min_area_px2", "kept"), [(4.0, True), (4.1, False)])
def test_the_smallest_area_counts_pixels_of_the_original_image(min_area_px2: float, kept: bool) -> None:
    house = frame("....\n.aa.\n.aa.\n....", upsampling=3)
    found = find(house, instance_params(min_area_px2=min_area_px2), upsampling=3)
    assert (found.max() == 1) == kept


def test_ids_stay_dense_when_a_small_one_is_dropped() -> None:
    found = find(frame("aa.b.cc"), instance_params(min_area_px2=2.0))
    np.testing.assert_array_equal(found, [[1, 1, 0, 0, 0, 2, 2]])


def test_a_house_half_under_cloud_is_kept_as_far_as_it_is_seen() -> None:
    image = frame(CUT_OFF_BY_CLOUD)
    image.channels[0][~image.usable] = 255  # whatever is written under a cloud is no evidence
    np.testing.assert_array_equal(find(image, instance_params()), ids_of(CUT_OFF_BY_CLOUD))


def test_ground_alone_has_no_building() -> None:
    assert not find(frame("....\n...."), instance_params()).any()


def test_a_frame_wholly_under_cloud_has_no_building() -> None:
    assert not find(frame("????\n????"), instance_params()).any()


@pytest.mark.parametrize("params_of", [instance_params, peak_params])
def test_rims_and_contacts_lower_the_evidence_by_their_weight(
    params_of: Callable[..., InstanceParams | PeakParams],
) -> None:
    channels = np.array([[[1, 1, 1, 0.5]], [[0, 1, 0, 0.5]], [[0, 0, 1, 1]]], np.float32)
    params = params_of(boundary_weight=0.4, contact_weight=0.5)
    np.testing.assert_allclose(weigh(channels, params), [[1, 0.6, 0.5, 0.5 * 0.8 * 0.5]])
    np.testing.assert_array_equal(channels[0], np.array([[1, 1, 1, 0.5]]))


def test_bytes_weigh_as_floats_do() -> None:
    channels = frame("aab\naab", sure=204).channels
    weighed = weigh(channels, peak_params())
    fifths = (channels / np.float32(255)).astype(np.float32)
    np.testing.assert_array_equal(weighed, weigh(fifths, peak_params()))
    assert weighed.dtype == np.float32


def two_blocks(bridge: float, ditch: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return a footprint (1, 60, 130): two blocks of 40 px, a bridge of one pixel, a ditch through the right one."""
    channel = np.zeros((1, 60, 130), np.float32)
    channel[0, 10:50, 10:50] = channel[0, 10:50, 80:120] = 0.9
    channel[0, 30, 50:80] = bridge
    channel[0, 10:50, 100] = ditch
    return channel


@pytest.mark.parametrize("upsampling", [1, 2])
def test_smoothed_evidence_neither_joins_over_a_bridge_nor_parts_at_a_ditch(upsampling: int) -> None:
    usable = np.ones((60, 130), np.bool_)
    params = instance_params(seed_threshold=0.6, flood_threshold=0.4, min_area_px2=20.0)
    smooth = params.model_copy(update={"smooth_px": 3.0 / upsampling})
    one = find_instances(two_blocks(bridge=0.8, ditch=0.9), usable, params, upsampling)
    assert one.max() == 1
    two = find_instances(two_blocks(bridge=0.8, ditch=0.9), usable, smooth, upsampling)
    assert [int(two[30, 30]), int(two[30, 110]), int(two.max())] == [1, 2, 2]
    parted = find_instances(two_blocks(bridge=0.0, ditch=0.5), usable, params, upsampling)
    assert parted[30, 85] != parted[30, 115]
    whole = find_instances(two_blocks(bridge=0.0, ditch=0.5), usable, smooth, upsampling)
    assert whole[30, 85] == whole[30, 115] == 2
    np.testing.assert_array_equal(whole > 0, two_blocks(bridge=0.0, ditch=0.5)[0] > 0.4)  # the outline is not smoothed
