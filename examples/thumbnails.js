// A handler that burns CPU: it draws the uploaded photo, shrinks it and computes a fingerprint that stays the same when
// the photo is compressed again (dHash: is each pixel brighter than its right neighbour?). There is no real photo to
// load, so the pixels come from a random generator seeded by the upload's id: the same upload gives the same result.
import { defineHandler } from 'kafka-worker-group/handler'

const PHOTO = { width: 160, height: 120 }
const THUMBNAIL = { width: 9, height: 8 }

export default defineHandler({
  decode: 'json',

  // Once per thread: room for one photo, used again for each record.
  setup(context) {
    context.state = { photo: new Uint8Array(PHOTO.width * PHOTO.height), made: 0 }
  },

  // Sync: the next record of the partition starts when this one returns, and no promise is made.
  handle(record, context) {
    const upload = record.value
    if (upload === null) return // a tombstone: the upload was deleted
    const { state } = context
    draw(state.photo, seedOf(upload.id))
    state.made += 1
    return fingerprint(shrink(state.photo))
  },

  teardown(context) {
    context.logger.info({ made: context.state.made }, 'thumbnails made by this thread')
  },
})

function seedOf(id) {
  let seed = 2166136261 // FNV-1a
  for (const character of String(id)) seed = Math.imul(seed ^ character.codePointAt(0), 16777619)
  return seed | 1
}

/** Grey values by xorshift. */
function draw(photo, seed) {
  let random = seed
  for (let pixel = 0; pixel < photo.length; pixel += 1) {
    random ^= random << 13
    random ^= random >>> 17
    random ^= random << 5
    photo[pixel] = random
  }
}

/** Every pixel of the thumbnail is the mean of the area it covers. */
function shrink(photo) {
  const sums = new Float64Array(THUMBNAIL.width * THUMBNAIL.height)
  const counts = new Uint32Array(sums.length)
  for (let y = 0; y < PHOTO.height; y += 1) {
    const row = Math.floor((y * THUMBNAIL.height) / PHOTO.height) * THUMBNAIL.width
    for (let x = 0; x < PHOTO.width; x += 1) {
      const cell = row + Math.floor((x * THUMBNAIL.width) / PHOTO.width)
      sums[cell] += photo[y * PHOTO.width + x]
      counts[cell] += 1
    }
  }
  return sums.map((sum, cell) => sum / counts[cell])
}

function fingerprint(thumbnail) {
  let bits = 0n
  for (let y = 0; y < THUMBNAIL.height; y += 1) {
    for (let x = 0; x < THUMBNAIL.width - 1; x += 1) {
      const cell = y * THUMBNAIL.width + x
      bits = (bits << 1n) | (thumbnail[cell] > thumbnail[cell + 1] ? 1n : 0n)
    }
  }
  return bits.toString(16).padStart(16, '0')
}
