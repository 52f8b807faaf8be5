// Voxels of a volume: between its own axes (i, j, k), as the server counts, and those of NiiVue, which
// turns the axes to right, anterior and superior.

/** Planes of NiiVue by their number, with the one of the three turned axes that they are across. */
export const PLANES = [
  { name: "Axial", across: 2 }, { name: "Coronal", across: 1 }, { name: "Sagittal", across: 0 },
];

export class Grid {
  /** `perm` and `dims` as NiiVue has them: permRAS, and dimsRAS without its first number. */
  constructor(perm, dims) {
    this.perm = perm;
    this.dims = dims;
  }

  /** Own axis (0 i, 1 j, 2 k) that lies along a turned axis. */
  own(turned) {
    return Math.abs(this.perm[turned]) - 1;
  }

  /** The voxel (i, j, k) at a place, given as parts of the turned axes. */
  voxelAt(parts) {
    const voxel = [0, 0, 0];
    this.dims.forEach((size, turned) => {
      const n = Math.min(size - 1, Math.max(0, Math.floor(parts[turned] * size)));
      voxel[this.own(turned)] = this.perm[turned] > 0 ? n : size - 1 - n;
    });
    return voxel;
  }

  /** The middle of a voxel as parts of the turned axes. */
  partsOf(voxel) {
    return this.dims.map((size, turned) => {
      const n = voxel[this.own(turned)];
      return ((this.perm[turned] > 0 ? n : size - 1 - n) + 0.5) / size;
    });
  }

  /** Axis of the server (0 k, 1 j, 2 i) across a plane of NiiVue. */
  axisOf(plane) {
    return 2 - this.own(PLANES[plane].across);
  }

  /** Name of the plane that lies across an axis of the server. */
  planeName(axis) {
    return PLANES.find((_each, plane) => this.axisOf(plane) === axis).name;
  }
}

/** The two own axes within a slice across a server's axis: x, then y. */
export const inSlice = (axis) => [0, 1, 2].filter((own) => own !== 2 - axis);

/** An array of 0 and 1 as the server sends it: the part of a .npy file after its header. */
export function npyData(buffer) {
  const view = new DataView(buffer);
  const length = view.getUint8(6) === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  return new Uint8Array(buffer, (view.getUint8(6) === 1 ? 10 : 12) + length);
}

/** A NIfTI file of bytes that are all 0, on the grid of an uncompressed one. */
export function emptyLike(buffer) {
  const head = new Uint8Array(buffer.slice(0, 352));
  const view = new DataView(head.buffer);
  const count = [42, 44, 46].reduce((all, at) => all * view.getInt16(at, true), 1);
  view.setInt16(70, 2, true); // datatype: unsigned bytes
  view.setInt16(72, 8, true); // bits of a voxel
  view.setFloat32(108, 352, true); // where the voxels begin
  for (const at of [112, 116, 124, 128]) view.setFloat32(at, at === 112 ? 1 : 0, true);
  const file = new Uint8Array(352 + count);
  file.set(head);
  return file.buffer;
}
