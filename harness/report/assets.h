/* assets.h -- the files of assets/, in the program: see embed.cmake.  ASCII,
 * zero-terminated. */
#ifndef ORD_REPORT_ASSETS_H
#define ORD_REPORT_ASSETS_H

extern const char ord_asset_report_css[];
extern const char ord_asset_timeline_js[];

#endif
