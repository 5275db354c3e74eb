/** SHA-256 of release tarballs as redis/redis-hashes lists them. A release that is not here must bring its own sum. */
export const KNOWN_RELEASES: Readonly<Record<string, string>> = {
  "4.0.14": "1e1e18420a86cfb285933123b04a82e1ebda20bfb0a289472745a087587e93a7",
  "5.0.14": "3ea5024766d983249e80d4aa9457c897a9f079957d0fb1f35682df233f997f32",
  "6.2.14": "34e74856cbd66fdb3a684fb349d93961d8c7aa668b06f81fd93ff267d09bc277",
  "7.0.15": "98066f5363504b26c34dd20fbcc3c957990d764cdf42576c836fc021073f4341",
  "7.2.5": "5981179706f8391f03be91d951acafaeda91af7fac56beffb2701963103e423d",
};
