"""The container formats that ingest accepts: which of FFmpeg's demuxers may read a dropped file.

To accept a new format, add its demuxer here; if it states its end, add a check to container_end. A
test requires that each demuxer of the FFmpeg in use is in one of these lists.
"""

from collections.abc import Mapping


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Demuxers that read one file, and find video in it.
_VIDEO = _names("""
    3dostr 3g2 3gp 4xm alias_pix anm apng apv asf asf_o av1 avi avs avs2 avs3 bethsoftvid bfi
    bink bmv brender_pix c93 cavsvideo cdg cdxl cine dcstr dfa dhav dirac dnxhd dsicin dv dxa ea
    evc film_cpk filmstrip fits flic flv frm gdv gif gxf h261 h263 h264 hevc hnm hxvs ico idcin
    iff ifv ingenient ipmovie ipu iv8 ivf ivr jpegxl_anim jv kux live_flv lmlm4 luodat lvf lxf
    m4a m4v matroska mgsts mj2 mjpeg mjpeg_2000 mlv mm mods moflex mov mp4 mpeg mpegts mpegvideo
    mpjpeg msnwctcp msp mtv mv mvi mxf mxg nc nsv nut nuv obu ogg paf pdv pmp psxstr pva r3d rl2
    rm roq rpl sdr2 ser sga siff simbiosis_imx smjpeg smk smush swf thp tiertexseq tmv txd ty
    usm vc1 vc1test vividas vivo vmd vvc wc3movie webm wsvqa wtv xmv yop yuv4mpegpipe
""")

# Demuxers of files that are one picture, or several in a row.
_PICTURES = _names("""
    bmp_pipe cri_pipe dds_pipe dpx_pipe exr_pipe gem_pipe gif_pipe hdr_pipe j2k_pipe jpeg_pipe
    jpegls_pipe jpegxl_pipe jpegxs_pipe pam_pipe pbm_pipe pcx_pipe pfm_pipe pgm_pipe pgmyuv_pipe
    pgx_pipe phm_pipe photocd_pipe pictor_pipe png_pipe ppm_pipe psd_pipe qdraw_pipe qoi_pipe
    sgi_pipe sunrast_pipe tiff_pipe vbn_pipe webp_pipe xbm_pipe xpm_pipe xwd_pipe
""")

ALLOWED = _VIDEO | _PICTURES

# Demuxers of sound: such a file has no pictures but a cover, and is rejected with a reason.
SOUND = _names("""
    aa aac aax ac3 ac4 ace acm act adp ads adx aea afc aiff aix alaw alp amr amrnb amrwb apac
    apc ape apm aptx aptx_hd argo_asf argo_brp argo_cvg ast au avr bfstm binka bit boa bonk
    brstm caf codec2 codec2raw daud derf dfpwm dsf dss dts dtshd ea_cdata eac3 epaf f32be f32le
    f64be f64le flac fsb fwse g722 g723_1 g726 g726le g728 g729 genh gsm hca hcom iamf ilbc
    ircam iss kvag laf lc3 libgme libmodplug libopenmpt loas mca mlp mmf mp3 mpc mpc8 msf mtaf
    mulaw musx nistsphere nsp oma osq pp_bnk pvf qcp qoa redspark rka rsd rso s16be s16le s24be
    s24le s32be s32le s337m s8 sbc sbg scd sdns sds sdx shn sln sol sox spdif svag svs tak
    truehd tta u16be u16le u24be u24le u32be u32le u8 vag vidc voc vpk vqf w64 wady wav wavarc
    wsaud wsd wv wve xa xmd xvag xwma
""")

_REFUSED = {
    "It names other files, or is the name of many: they would be read too.": _names("""
    avisynth concat dash hls image2 imf svg_pipe vapoursynth vobsub webm_dash_manifest
    """),
    "It reads from the network.": _names("rdt rtp rtsp sap sdp"),
    "It reads from a device, or makes pictures of its own.": _names("""
    alsa android_camera avfoundation bktr decklink dshow fbdev gdigrab iec61883 jack kmsgrab
    lavfi libcdio libdc1394 openal oss pulse sndio v4l2 vfwcap video4linux2 x11grab xcbgrab
    """),
    "Nothing in the file says what it holds: size and form would have to be told.": _names("""
    bitpacked data image2pipe mpegtsraw rawvideo v210 v210x
    """),
    "It draws letters, or reads notes: any text would be taken for a video.": _names("""
    adf bin ffmetadata idf tty xbin
    """),
    "It reads subtitles.": _names("""
    aqtitle ass dvbsub dvbtxt jacosub lrc mcc microdvd mpl2 mpsub pjs rcwt realtext sami scc srt
    stl subviewer subviewer1 sup tedcaptions vplayer webvtt
    """),
    "It reads sound.": SOUND,
}

REFUSED: Mapping[str, str] = {name: reason for reason, names in _REFUSED.items() for name in names}
"""Why a demuxer, by FFmpeg's name, must not read a dropped file."""

# FFmpeg recognizes these formats only by the suffix.
BY_SUFFIX: Mapping[str, str] = {
    ".bmv": "bmv",
    ".cdg": "cdg",
    ".cgi": "ingenient",
    ".flm": "filmstrip",
    ".mvi": "mvi",
    ".mxg": "mxg",
}
