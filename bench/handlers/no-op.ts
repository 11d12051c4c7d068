export default function handle(): void {}
