import { ipKeyGenerator } from 'express-rate-limit';

/** What counts as one address for rate limits: an IPv4 address, or the /64 of an IPv6 one. */
export const addressGroup = (ip: string): string => ipKeyGenerator(ip, 64);
