import { fromWire, toWire } from '../shared/error-wire.ts'

/**
 * What nobody catches ends this thread as an error of plain fields, whatever was thrown. Node copies the thrown value itself to
 * the thread that started this one: there causes that go round in a circle end the whole process, and to the pool a task that
 * ends with null has not failed.
 */
export function dieOfPlainErrors(): void {
  process.on('uncaughtExceptionMonitor', thrown => {
    // A handler module that listens itself keeps its thread alive, as it would anywhere.
    const isCaught =
      process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()
    if (!isCaught) throw fromWire(toWire(thrown)) // takes the place of what was thrown
  })
}
